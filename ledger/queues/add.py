"""`ledger add`: from what was asked for to jobs in a queue; everything is checked before."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ledger.errors import BadInputError, LedgerError, Problem
from ledger.fingerprint import digest_bytes, fingerprint
from ledger.planning.kinds import module_of
from ledger.project.load import SETTINGS_FILE, load_project
from ledger.queues.amounts import parse_money
from ledger.queues.checks import prices_of
from ledger.queues.expand import make_jobs, some_of
from ledger.queues.inputs import read_records, require_names, split_arguments
from ledger.queues.make_recipe import make_recipe
from ledger.queues.recipes import Command, Prompt, Request
from ledger.store import queues
from ledger.store.claims import Store
from ledger.store.queues import Queue, QueueJob

if TYPE_CHECKING:
    from ledger.project.load import Project
    from ledger.queues.inputs import Item
    from ledger.queues.options import AddOptions
    from ledger.store.queues import Added


LONG_LIST = 10_000


@dataclass(frozen=True, slots=True)
class AddReport:
    """What `ledger add` did, or would do."""

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
        lines = [f"{self.queue}: {self.jobs:,} jobs: {', '.join(parts)}"]
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
    command, groups = split_arguments(options.words)
    records = read_records(
        groups,
        files=options.arg_file,
        table=options.input,
        matrix=options.matrix,
        null=options.null,
    )
    recipe = make_recipe(project, options, command, records, here)
    axes = [str(n) for n in range(1, len(groups) + len(options.arg_file) + 2)]
    axes += [text.partition("=")[0] for text in options.matrix]
    present = [axis for axis in axes if records and axis in records[0]]
    with click.progressbar(
        records,
        label="checking",
        file=sys.stderr,
        hidden=not _is_long(records),
        update_min_steps=500,
    ) as shown:
        jobs, duplicates = make_jobs(project, options, recipe, shown, present)
    queue = Queue(
        options.name, options.kind, module_of(options.kind), recipe.as_dict(),
        limits=_limits(project, options, recipe), priority=options.priority,
        max_attempts=_attempts(project, recipe),
    )  # fmt: skip
    if options.dry_run:
        examples = tuple(_example(recipe, job) for job in jobs[:3])
        changes = queues.Added(added=len(jobs))
        return AddReport(options.name, len(jobs), duplicates, changes, True, examples)
    with Store(project.ledger_path) as store:
        if after := json.loads(queue.limits.get("after", "[]")):
            queues.refuse_circles(store, queue.name, after)
        jobs = _settle_existing(project, store, options, jobs)
        changes = queues.add_jobs(store, queue, jobs, replace=options.replace)
    return AddReport(options.name, len(jobs), duplicates, changes, False)


def _is_long(records: list[Item]) -> bool:
    """Whether somebody waits for more than a second, and sees it."""
    return len(records) > LONG_LIST and sys.stderr.isatty()


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
        if project.settings.site.kind != "bulk" and not project.ledger_path.exists():
            raise LedgerError(
                f"the site of {project.root} is not planned yet", remedy="run `ledger init` first"
            )
        plan_project(project.root, None, dry_run=False)
    return project


def _is_ready(project: Project) -> bool:
    """Whether jobs can be added as it is, also while a run goes on."""
    from ledger.store.plan import read_facts

    try:
        with Store(project.ledger_path, read_only=True) as store:
            return bool(read_facts(store))
    except LedgerError:  # none yet, or of an older version
        return False


def _settle_existing(
    project: Project, store: Store, options: AddOptions, jobs: list[QueueJob]
) -> list[QueueJob]:
    """What to do about outputs that are there and that the ledger did not make."""
    from dataclasses import replace

    paths = json.dumps([job.output for job in jobs if job.output])
    ours = {row["path"] for row in store.rows("queue_outputs", paths=paths)}
    foreign = {
        job.key: project.root / job.output
        for job in jobs
        if job.output and job.output not in ours and (project.root / job.output).exists()
    }
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
        replace(job, made=(len(made[job.key]), digest_bytes(made[job.key])))
        if job.key in made
        else job
        for job in jobs
    ]


def _attempts(project: Project, recipe: Any) -> int:
    """As often as was asked for; for workers that die there are always the usual ones."""
    usual = project.settings.workers.max_attempts
    return max(usual, 1 + int(recipe.retries))


def _limits(project: Project, options: AddOptions, recipe: Any) -> dict[str, Any]:
    limits = dict(options.limits)
    if options.cost is not None:
        limits["price_call"] = parse_money(options.cost)
    if isinstance(recipe, Prompt):
        limits |= prices_of(project, recipe.model)
    return limits


def _example(recipe: Any, job: QueueJob) -> str:
    """What a job would do, in one line."""
    from ledger.queues.placeholders import fill

    more = {"key": job.key, "out": job.output, "queue": "", "attempt": "1"}
    if isinstance(recipe, Command):
        words = [fill(word, job.record, more, quoted=True) for word in recipe.argv]
        return " ".join(words) + (f" > {job.output}" if recipe.capture else "")
    if isinstance(recipe, Request):
        return f"{recipe.method} {fill(recipe.url, job.record, more)}"
    return f"{job.key}: {fingerprint(job.record)[:8]} up to {job.tokens_in:,} + {job.tokens_out:,} tokens"
