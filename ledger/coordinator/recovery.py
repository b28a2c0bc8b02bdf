"""Who coordinates a project, and what is taken over from a coordinator that is dead."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ledger.coordinator import cleanup
from ledger.coordinator.orphans import end_orphans
from ledger.errors import LockedError, Reason
from ledger.process import worker_state
from ledger.process.locks import is_locked, lock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ledger.project.load import Project
    from ledger.store.claims import Store


@contextmanager
def sole_coordinator(project: Project) -> Iterator[None]:
    """Hold the project: planning and building are done by one process at a time.

    Raises:
        LockedError: another `ledger init` or `ledger spawn` is at work here.
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
    """Take over from a coordinator that died: what its dead workers held is pending again.

    Nothing is charged an attempt: that a whole run was killed is no evidence against a job.
    Returns the dead workers. Those that still live finish the job in hand and leave.
    """
    store.recover_after_reboot()
    dead = recover_dead_workers(project, store)
    worker_state.sweep(project.state / "workers", keep=alive(store))
    last = store.last_run()
    if dead or last is None or last["ended_at"] is None:  # a run that ends sweeps for itself
        cleanup.remove_temporary_files(project, alive(store))
    return dead


def recover_dead_workers(project: Project, store: Store, *, but_of: int | None = None) -> list[int]:
    """Take back at once what workers held that are dead, but for those of one run; returns them.

    One that outlived its coordinator may die later, and need not keep its job until the lease ends.
    """
    folder = project.state / "workers"
    dead = [
        row["id"]
        for row in store.open_workers()
        if row["run"] != but_of and not worker_state.is_alive(folder, row["id"])
    ]
    for worker in dead:
        end_orphans(project.state, worker)
        job = job_at(project, worker)
        store.reap_worker(0, worker, job, Reason("the worker died with its run"), charge=False)
        store.end_worker(worker, "abandoned")
    return dead


def job_at(project: Project, worker: int) -> int | None:
    """The job that a worker has, or had, in hand."""
    at_work = worker_state.in_flight(project.state / "workers", worker)
    return at_work.job if at_work is not None and at_work.job else None


def alive(store: Store) -> list[int]:
    """The workers that have not been seen to end."""
    return [row["id"] for row in store.open_workers()]


def requeue_lost_outputs(project: Project, store: Store) -> int:
    """Put back the done jobs whose files are gone or of another size; returns how many."""
    root = str(project.root)  # a Path for each of 20,000 files costs more than looking at them
    lost = {
        row["job"]
        for row in store.finished_outputs()
        if row["bytes"] is None or _size(f"{root}/{row['path']}") != row["bytes"]
    }
    return store.requeue(lost) if lost else 0


def _size(path: str) -> int | None:
    try:
        facts = os.stat(path, follow_symlinks=False)  # noqa: PTH116  called for every page
    except OSError:
        return None
    return facts.st_size if stat.S_ISREG(facts.st_mode) else None
