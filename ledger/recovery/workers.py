"""Crash recovery: what happens to a dead worker and its jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.errors import Reason
from ledger.process import worker_state
from ledger.process.fault_points import Point, reached
from ledger.process.orphans import end_orphans
from ledger.recovery import cleanup
from ledger.store.health import leases_out

if TYPE_CHECKING:
    from ledger.project.load import Project
    from ledger.store.store import Store

DIED_WITH_RUN = Reason("the worker died with its run")


def recover(project: Project, store: Store) -> list[int]:
    """Recover from a coordinator that died: what its dead workers held is pending again.

    No attempt is charged: that a whole run was killed is no evidence against a job. Returns the
    dead workers. Those that are alive finish the job in flight and leave.
    """
    store.recover_after_reboot()
    dead = [*recover_dead_workers(project, store), *_recover_leases_of_ended(project, store)]
    worker_state.sweep(project.state / "workers", keep=alive(store))
    last = store.runs.latest()
    if dead or last is None or last.ended_at is None:  # a run that ends cleans up by itself
        cleanup.remove_temporary_files(project, alive(store))
    return dead


def recover_dead_workers(project: Project, store: Store, *, but_of: int | None = None) -> list[int]:
    """Recover every dead worker at once, except those of run `but_of`; return their ids.

    A worker that outlived its coordinator may die later; its job need not wait for the lease.
    """
    folder = project.state / "workers"
    dead = [
        row.id
        for row in store.runs.open_workers()
        if row.run != but_of and not worker_state.is_alive(folder, row.id)
    ]
    for worker in dead:
        recover_worker(project, store, worker, outcome="abandoned", reason=DIED_WITH_RUN)
    return dead


def _recover_leases_of_ended(project: Project, store: Store) -> list[int]:
    """Recover workers that are recorded as ended and yet hold a lease; return their ids."""
    ended = sorted({row.worker for row in leases_out(store) if row.ended})
    for worker in ended:
        recover_worker(project, store, worker, outcome="abandoned", reason=DIED_WITH_RUN)
    return ended


def recover_worker(
    project: Project,
    store: Store,
    worker: int,
    *,
    outcome: str,
    reason: Reason,
    run: int = 0,
    charge: bool = False,
) -> None:
    """Do all that a dead worker requires, in the one order that is safe; the only such place.

    End the processes that its job left running, so that the job cannot run twice at once. Then
    take back its leases: the job in flight is charged an attempt if `charge`, and if it belongs
    to a queue it is in doubt, and what it reserved counts as spent. The state file goes last,
    since only it says which job was in flight: a crash in between finds it again.

    `run` is the run that the charge is recorded under; 0: the latest.
    """
    end_orphans(project.state, worker)
    store.reap_worker(run, worker, job_in_flight(project, worker), reason, charge=charge)
    reached(Point.REAPED)
    store.end_worker(worker, outcome)
    worker_state.remove(project.state / "workers", worker)


def job_in_flight(project: Project, worker: int) -> int | None:
    """Return the job that a worker is at, or was at when it died."""
    at_work = worker_state.in_flight(project.state / "workers", worker)
    return at_work.job if at_work is not None and at_work.job else None


def alive(store: Store) -> list[int]:
    """Return the workers that are not recorded as ended."""
    return [row.id for row in store.runs.open_workers()]
