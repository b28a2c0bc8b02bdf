"""Crash recovery: the coordinator's lock, and what happens to a dead worker and its jobs."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ledger.coordinator import cleanup
from ledger.coordinator.orphans import end_orphans
from ledger.errors import LockedError, Reason
from ledger.process import worker_state
from ledger.process.fault_points import Point, reached
from ledger.process.locks import is_locked, lock
from ledger.store.health import leases_out

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ledger.project.load import Project
    from ledger.store.store import Store

DIED_WITH_RUN = Reason("the worker died with its run")


@contextmanager
def sole_coordinator(project: Project) -> Iterator[None]:
    """Hold the project's lock: one process at a time plans or builds.

    Raises:
        LockedError: another `ledger init` or `ledger spawn` holds it.
    """
    project.state.mkdir(parents=True, exist_ok=True)
    file = os.open(project.state / "coordinator", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        lock(file)
    except BlockingIOError:
        pid = os.pread(file, 20, 0).decode("ascii", "replace").strip()
        os.close(file)
        raise LockedError(
            f"another ledger process (pid {pid}) is at work on {project.root}",
            remedy="watch it with `ledger status --watch`, or stop it with Ctrl+C there",
        ) from None
    try:
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(file)


def coordinator_lives(project: Project) -> bool:
    """Whether a process is planning or building here."""
    return is_locked(project.state / "coordinator")


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
        for row in store.runs.open_worker_rows()
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
    return [row.id for row in store.runs.open_worker_rows()]


def requeue_lost_outputs(project: Project, store: Store) -> int:
    """Requeue the done jobs whose files are missing or of another size; return how many."""
    root = str(project.root)  # a Path for each of 20,000 files costs more than their stat
    lost = {
        row.job
        for row in store.reports.finished_output_rows()
        if row.bytes is None or _size(f"{root}/{row.path}") != row.bytes
    }
    return store.requeue(lost) if lost else 0


def _size(path: str) -> int | None:
    try:
        facts = os.stat(path, follow_symlinks=False)  # noqa: PTH116  called for every page
    except OSError:
        return None
    return facts.st_size if stat.S_ISREG(facts.st_mode) else None
