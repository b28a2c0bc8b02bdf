"""Checks of the files: those of done jobs against their digests, temporary and stale ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.coordinator.outputs import hash_outputs, requeue
from ledger.files import TEMPORARY_SUFFIX
from ledger.health.finding import damaged, ok, warning
from ledger.health.work import living
from ledger.project.load import STATE_FOLDER
from ledger.recovery import cleanup
from ledger.store import plan
from ledger.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from ledger.health.context import CheckContext
    from ledger.health.finding import Finding
    from ledger.project.load import Project
    from ledger.store.store import Store


def files(context: CheckContext) -> Iterator[Finding]:
    """Every file of a done job exists, with its size and its digest."""
    hashed = hash_outputs(context.project.root, context.ledger.reports.finished_files())
    yield from map(damaged, hashed.damages)
    if not hashed.damages:
        yield ok(f"{counted(hashed.files, 'file')} of done jobs, {hashed.bytes / 1e6:,.1f} MB")


def rebuild(project: Project, store: Store, findings: Sequence[Finding]) -> None:
    """Requeue the jobs of what a check found damaged."""
    requeue(project, store, [finding.damage for finding in findings if finding.damage])


def temporary(context: CheckContext) -> Iterator[Finding]:
    """No temporary file of a dead worker is left."""
    alive = _writers(context)
    paths = list(_temporary_files(context.project, alive))
    for path in paths:
        where = path.relative_to(context.project.root).as_posix()
        yield warning("a dead worker left a temp file", where)
    if not paths:
        yield ok("no temp file of a dead worker")


def _writers(context: CheckContext) -> list[int]:
    if context.building:
        return [row.id for row in context.ledger.runs.open_workers()]
    return living(context.project, context.ledger)


def _temporary_files(project: Project, alive: Iterable[int]) -> Iterator[Path]:
    prefixes = tuple(f".{worker}." for worker in alive)
    for home in (project.output, project.root / STATE_FOLDER):
        for path in sorted(home.rglob(f"*{TEMPORARY_SUFFIX}")):
            if not path.name.startswith(prefixes):
                yield path


def sweep(project: Project, store: Store, findings: Sequence[Finding]) -> None:
    """Delete the temporary files of dead workers."""
    del findings
    cleanup.remove_temporary_files(project, living(project, store))


def stale_outputs(context: CheckContext) -> Iterator[Finding]:
    """No stale output waits to be deleted."""
    paths = plan.stale_outputs(context.ledger)
    for path in paths:
        yield warning(
            f"{path} belongs to no job any more and is not deleted yet",
            path,
            "ledger doctor --fix; one that stays lies behind a link out of the project: delete it by hand",
        )
    if not paths:
        yield ok("no file of an older plan is left")


def remove_stale_outputs(project: Project, store: Store, findings: Sequence[Finding]) -> None:
    """Delete the stale outputs."""
    del findings
    cleanup.remove_stale_outputs(project, store)
