"""Checks of runs, workers and leases that a dead process left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.health.finding import note, ok, warning
from ledger.process import worker_state
from ledger.recovery.workers import recover
from ledger.store import health
from ledger.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ledger.health.context import CheckContext
    from ledger.health.finding import Finding
    from ledger.project.load import Project
    from ledger.store.rows import LeaseOutRow
    from ledger.store.store import Store


def living(project: Project, store: Store) -> list[int]:
    """Return the workers that hold the lock of their state file: the live ones."""
    folder = project.state / "workers"
    rows = store.runs.open_workers()
    return [row.id for row in rows if worker_state.is_alive(folder, row.id)]


def leases(context: CheckContext) -> Iterator[Finding]:
    """Every lease has a live worker; a live coordinator recovers its own workers itself."""
    alive = living(context.project, context.ledger)
    out = health.leases_out(context.ledger)
    orphans = [row for row in out if _is_orphan(row, alive, building=context.building)]
    for row in orphans:
        yield warning(
            f"lease {row.token} holds {counted(row.jobs, 'job')} for worker {row.worker}, "
            "which is dead",
            f"lease {row.token}",
        )
    if not orphans:
        yield ok(f"{counted(len(out), 'lease')} out, none of a dead worker")


def _is_orphan(row: LeaseOutRow, alive: Sequence[int], *, building: bool) -> bool:
    return bool(row.ended) or (not building and row.worker not in alive)


def workers(context: CheckContext) -> Iterator[Finding]:
    """Every worker that is not recorded as ended is alive, and has a coordinator."""
    rows = context.ledger.runs.open_workers()
    if context.building:
        yield ok(f"{counted(len(rows), 'worker')} at work under a live coordinator")
        return
    alive = living(context.project, context.ledger)
    for row in rows:
        worker, where = f"worker {row.id} (pid {row.pid})", f"run {row.run}"
        if row.id in alive:
            yield note(f"{worker} has lost its coordinator, and finishes the job in flight", where)
        else:
            yield warning(f"{worker} died and was not recovered", where)
    if not rows:
        yield ok("no worker without a coordinator")


def recover_workers(project: Project, store: Store, findings: Sequence[Finding]) -> None:
    """Recover what dead workers left behind, as the next `ledger spawn` would."""
    del findings
    recover(project, store)


def runs(context: CheckContext) -> Iterator[Finding]:
    """No run is open without a coordinator."""
    rows = context.ledger.runs.without_end()
    if context.building:
        yield ok("a build is in progress")
        return
    for row in rows:
        yield warning(
            f"run {row.id} with {counted(row.workers, 'worker')} was never ended: its "
            "coordinator died",
            f"run {row.id}",
        )
    if not rows:
        yield ok("no run was left open")


def close_runs(project: Project, store: Store, findings: Sequence[Finding]) -> None:
    """End the open runs as abandoned."""
    del project, findings
    with store.immediate():
        store.runs.end_abandoned()
