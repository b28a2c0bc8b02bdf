"""`ledger init`: create the project if there is none, plan it, remove stale outputs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ledger.planning.make import is_planned, make_plan, snapshot, source_stamps
from ledger.planning.plan import NothingKnown
from ledger.project import new
from ledger.project.load import find_root, load_project, parse_project
from ledger.project.lock import sole_coordinator
from ledger.project.settings import SETTINGS_FILE
from ledger.recovery import cleanup
from ledger.recovery.workers import recover
from ledger.store.migrations import migrate
from ledger.store.plan import Changes, PlannedBefore, preview, read_facts, read_notes, replan
from ledger.store.store import Store
from ledger.text import counted

if TYPE_CHECKING:
    from pathlib import Path

    from ledger.errors import Problem
    from ledger.planning.plan import Plan
    from ledger.project.settings import Project
    from ledger.project.starter import Files
    from ledger.store.reports import KindCount


SHOWN_NOTES = 10


@dataclass(frozen=True, slots=True)
class PlanReport:
    """Changes that `ledger init` made, or would make."""

    root: str
    created: tuple[str, ...]
    documents: int
    undated: int
    jobs: int
    changes: Changes
    dry_run: bool
    notes: tuple[Problem, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the report as `--json` prints it."""
        return asdict(self)

    def text(self) -> str:
        """Return the report as lines of text."""
        changes = self.changes
        would = "would be " if self.dry_run else ""
        lines = [f"{name}: {would}created" for name in self.created]
        undated = f" ({self.undated:,} undated)" if self.undated else ""
        lines.append(f"{counted(self.documents, 'document')}{undated}, {counted(self.jobs, 'job')}")
        if changes.any:
            lines.append(
                f"{changes.added:,} new, {changes.changed:,} changed, {changes.unchanged:,} unchanged, "
                f"{changes.removed:,} gone with {counted(changes.outputs_removed, 'file')}"
            )
        else:
            lines.append("nothing changed since the last plan")
        lines += self._notes()
        if not self.dry_run:
            lines.append("next: ledger spawn")
        return "\n".join(lines)

    def _notes(self) -> list[str]:
        """Return a line for each of the first notes of the planner."""
        shown = [f"note: {note.where}: {note.what}" for note in self.notes[:SHOWN_NOTES]]
        more = len(self.notes) - SHOWN_NOTES
        return shown if more <= 0 else [*shown, f"note: {more:,} more: ledger init --json"]


def plan_project(
    folder: Path, source: Path | None, *, kind: str | None = None, dry_run: bool
) -> PlanReport:
    """Plan the project at or above `folder`; with `dry_run` only report what that would change."""
    root = _root(folder)
    files = new.new_files(root, source, kind)
    if dry_run:
        return _preview(root, files)
    if files:
        new.create(root, files)
    project = load_project(root)
    with sole_coordinator(project):
        migrate(project.ledger_path)
        (project.state / "templates").mkdir(exist_ok=True)
        with Store(project.ledger_path) as store:
            recover(project, store)
            facts = read_facts(store)
            sources = source_stamps(project)
            if is_planned(project, facts, sources):
                return _unchanged(project, facts, store.counts(), read_notes(store))
            plan = make_plan(project, PlannedBefore(store), sources)
            # all output folders so far: stale files in earlier ones are deleted as well
            plan.facts["homes"] = sorted({*facts.get("homes", ()), project.settings.site.output})
            changes = replan(store, **snapshot(plan))
            cleanup.remove_stale_outputs(project, store)
    return _report(plan, changes, tuple(files), dry_run=False)


def _root(folder: Path) -> Path:
    try:
        return find_root(folder)
    except Exception:  # noqa: BLE001  no project yet: this is where one begins
        return folder.resolve()


def _preview(root: Path, files: Files) -> PlanReport:
    text = files.get(SETTINGS_FILE)
    project = parse_project(root, text) if isinstance(text, str) else load_project(root)
    if shipped := new.shipped_corpus(files, project.settings.corpus.path):
        project = _with_corpus(project, str(shipped))
    if not project.ledger_path.exists():
        plan = make_plan(project, NothingKnown())
        return _report(plan, Changes(added=len(plan.jobs)), tuple(files), dry_run=True)
    with Store(project.ledger_path, read_only=True) as store:
        plan = make_plan(project, PlannedBefore(store))
        return _report(plan, preview(store, plan.jobs), tuple(files), dry_run=True)


def _with_corpus(project: Project, path: str) -> Project:
    from dataclasses import replace

    settings = replace(project.settings, corpus=replace(project.settings.corpus, path=path))
    return replace(project, settings=settings)


def _unchanged(
    project: Project, facts: dict[str, Any], counts: list[KindCount], notes: list[Problem]
) -> PlanReport:
    jobs = sum(count.total + count.deselected for count in counts)
    return PlanReport(
        root=str(project.root),
        created=(),
        documents=facts["documents"],
        undated=facts["documents"] - facts["dated"],
        jobs=jobs,
        changes=Changes(unchanged=jobs),
        dry_run=False,
        notes=tuple(notes),
    )


def _report(plan: Plan, changes: Changes, created: tuple[str, ...], *, dry_run: bool) -> PlanReport:
    return PlanReport(
        root=str(plan.project.root),
        created=created,
        documents=len(plan.documents),
        undated=len(plan.documents) - plan.dated,
        jobs=len(plan.jobs),
        changes=changes,
        dry_run=dry_run,
        notes=tuple(plan.notes),
    )
