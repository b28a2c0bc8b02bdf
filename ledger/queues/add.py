"""`ledger add`: options -> inputs -> recipe -> jobs -> store; everything is checked before."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from dataclasses import replace as change
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ledger.errors import BadInputError, LedgerError, Problem
from ledger.fingerprint import digest_bytes
from ledger.project.load import SETTINGS_FILE, load_project
from ledger.queues.checks import prices_of
from ledger.queues.expand import make_jobs, some_of
from ledger.queues.inputs import read_inputs, require_names
from ledger.queues.kinds import module_of, recipe_type
from ledger.queues.recipes import NOT_TOLD_APART
from ledger.queues.request import AddRequest
from ledger.store import queues
from ledger.store.queues import Added, Queue, QueueJob
from ledger.store.store import Store
from ledger.text import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ledger.project.load import Project
    from ledger.queues.inputs import Inputs
    from ledger.queues.options import AddOptions
    from ledger.queues.recipes import Recipe

QUEUES_ONLY = "bulk"
"""The value of `[site] kind` in a project that has queues and no pages."""

LONG_LIST = 10_000
"""From here on adding takes more than a second, and shows its progress."""


@dataclass(frozen=True, slots=True)
class AddReport:
    """The changes that `ledger add` made, or would make."""

    queue: str
    jobs: int
    duplicates: int
    changes: Added
    dry_run: bool
    examples: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "queue": self.queue, "jobs": self.jobs, "duplicates": self.duplicates,
            **self.changes._asdict(), "dry_run": self.dry_run, "examples": list(self.examples),
        }  # fmt: skip

    def text(self) -> str:
        """For people."""
        changes = self.changes
        would = "would be " if self.dry_run else ""
        parts = [f"{changes.added:,} {would}new", f"{changes.changed:,} changed"]
        parts.append(f"{changes.unchanged:,} there already")
        if changes.removed:
            parts.append(f"{changes.removed:,} removed")
        lines = [f"{self.queue}: {counted(self.jobs, 'job')}: {', '.join(parts)}"]
        if self.duplicates:
            lines.append(f"{self.duplicates:,} listed more than once: each is one job")
        lines += [f"  {example}" for example in self.examples]
        if not self.dry_run:
            lines.append(f"next: ledger spawn --only {self.queue}")
        return "\n".join(lines)


def add(folder: Path, options: AddOptions, *, here: Path) -> AddReport:
    """Add jobs to a queue of the project at or above `folder`; makes it a project if it is none.

    `here` is the folder in which the command stands: paths are relative to it.

    Raises:
        LedgerError: with what is wrong, all of it.
    """
    require_names(options.name, "a name for a queue")
    project = ready_project(folder, dry_run=options.dry_run)
    inputs = read_inputs(options)
    recipe = make_recipe(AddRequest(project, options, inputs.command, inputs.items, here))
    jobs, duplicates = _checked_jobs(project, options, recipe, inputs)
    if options.dry_run:
        examples = tuple(recipe.example(job.record, job.key, job.output) for job in jobs[:3])
        return AddReport(
            options.name, len(jobs), duplicates, Added(added=len(jobs)), dry_run=True,
            examples=examples,
        )  # fmt: skip
    with Store(project.ledger_path) as store:
        jobs = _settle_existing(project, store, options, jobs)
        queue = make_queue(
            project,
            options.name,
            options.kind,
            recipe,
            limits=options.limits,
            priority=options.priority,
        )
        changes = store_jobs(store, queue, jobs, replace=options.replace)
    return AddReport(options.name, len(jobs), duplicates, changes, dry_run=False)


def make_recipe(request: AddRequest) -> Recipe:
    """What all the jobs share, as their kind makes it.

    Raises:
        LedgerError: the kind is not there, or something is missing or makes no sense.
    """
    kind = recipe_type(request.options.kind)
    if not kind.is_added_by_hand:
        raise LedgerError(
            f"jobs of kind {request.options.kind!r} are not added by hand",
            remedy="functions are added in Python: Ledger.add(function, items)",
        )
    return kind.make(request)


def make_queue(
    project: Project,
    name: str,
    kind: str,
    recipe: Recipe,
    *,
    limits: dict[str, Any],
    priority: int = 0,
) -> Queue:
    """The queue with that recipe, ready to be stored.

    Crashes of workers are allowed as often as `workers.max_attempts` says, whatever the retries.
    """
    model = recipe.priced_model()
    return Queue(
        name, kind, module_of(kind), recipe.as_dict(), priority=priority,
        limits=limits | (prices_of(project, model) if model else {}),
        max_attempts=max(project.settings.workers.max_attempts, 1 + recipe.retries),
        not_compared=NOT_TOLD_APART,
    )  # fmt: skip


def store_jobs(
    store: Store, queue: Queue, jobs: Sequence[QueueJob], *, replace: bool = False
) -> Added:
    """Add jobs to a queue, and the queue if there is none of its name.

    Raises:
        LedgerError: queues would wait for each other, or the queue does something else already.
        BadInputError: an output belongs to another job.
    """
    if after := json.loads(queue.limits.get("after", "[]")):
        queues.refuse_circles(store, queue.name, after)
    return queues.add_jobs(store, queue, jobs, replace=replace)


def _checked_jobs(
    project: Project, options: AddOptions, recipe: Recipe, inputs: Inputs
) -> tuple[list[QueueJob], int]:
    """The jobs, and how many were listed more than once; a long list shows its progress."""
    with click.progressbar(
        inputs.items,
        label="checking",
        file=sys.stderr,
        hidden=not (len(inputs.items) > LONG_LIST and sys.stderr.isatty()),
        update_min_steps=500,
    ) as items:
        return make_jobs(project, options, recipe, items, inputs.axes)


def ready_project(folder: Path, *, dry_run: bool = False) -> Project:
    """The project at or above `folder`, planned; a new one for queues alone if there is none."""
    from ledger.planning.init import plan_project
    from ledger.project.load import find_root, parse_project
    from ledger.project.new import create, queues_project

    try:
        project = load_project(find_root(folder))
    except BadInputError:
        raise
    except LedgerError:
        root = folder.resolve()
        files = queues_project(root)
        if dry_run:
            return parse_project(root, str(files[SETTINGS_FILE]))
        create(root, files)
        project = load_project(root)
    if not dry_run and not _is_ready(project):
        if project.settings.site.kind != QUEUES_ONLY and not project.ledger_path.exists():
            raise LedgerError(
                f"the site of {project.root} is not planned yet", remedy="run `ledger init` first"
            )
        plan_project(project.root, None, dry_run=False)
    return project


def _is_ready(project: Project) -> bool:
    """Whether jobs can be added without planning first, also during a run."""
    from ledger.store.plan import read_facts

    try:
        with Store(project.ledger_path, read_only=True) as store:
            return bool(read_facts(store))
    except LedgerError:  # none yet, or of an older version
        return False


def _settle_existing(
    project: Project, store: Store, options: AddOptions, jobs: list[QueueJob]
) -> list[QueueJob]:
    """Refuse, adopt or replace outputs that are there and that the ledger did not make."""
    foreign = _foreign_outputs(project, store, jobs)
    if not foreign or options.existing == "replace":
        return jobs
    if options.existing == "refuse":
        problems = [
            Problem(
                path.relative_to(project.root).as_posix(),
                "is there already, and not made by this ledger",
                "--existing adopt takes it as done, --existing replace makes it again",
            )
            for path in foreign.values()
        ]
        raise BadInputError(some_of(problems))
    made = {key: path.read_bytes() for key, path in foreign.items()}
    return [
        change(job, made=(len(made[job.key]), digest_bytes(made[job.key])))
        if job.key in made
        else job
        for job in jobs
    ]


def _foreign_outputs(project: Project, store: Store, jobs: list[QueueJob]) -> dict[str, Path]:
    """The outputs that are there and that the ledger did not make, by key of their job."""
    ours = queues.owned_paths(store, (job.output for job in jobs if job.output))
    return {
        job.key: project.root / job.output
        for job in jobs
        if job.output and job.output not in ours and (project.root / job.output).exists()
    }
