"""Watchdog: kills workers that sent no heartbeat for longer than their lease.

Reaping the lease is not enough. A worker that was stopped in the middle of a job continues it
when it is resumed, while another already runs the same job; and one that was stopped within a
transaction blocks all other writers, the coordinator included. So a silent worker is killed first,
and its leases are reaped once it is dead. The watchdog is a thread that only reads, since the
write lock may be what is stuck.
"""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ledger.process import worker_state
from ledger.store.connection import OperationalError
from ledger.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from ledger.project.load import Project
    from ledger.store.connection import WriteLockOwner
    from ledger.store.rows import WorkerRow

LOOK_SECONDS = 1.0


class Watchdog:
    """Watches all workers of a ledger, also those that another coordinator left.

    A lease has to be found expired twice: when a whole run was stopped and continues (Ctrl+Z,
    `fg`), all leases are found expired before their holders could renew them. `evicted` are the
    workers that it has killed, `unreachable` those of them that it has no permission to kill.
    """

    def __init__(self, project: Project) -> None:
        self.evicted: set[int] = set()
        self.unreachable: set[int] = set()
        self._project = project
        self._suspects: set[int] = set()
        self._writer: tuple[WriteLockOwner | None, float] = (None, 0.0)
        self._lease_seconds = project.settings.workers.lease_seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="watchdog")

    def __enter__(self) -> Self:
        """Start to check about once a second."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        with Store(self._project.ledger_path, read_only=True) as store:
            while not self._over.wait(LOOK_SECONDS):
                with suppress(OperationalError):  # busy, without WAL: it checks again
                    self.look(store)

    def look(self, store: Store) -> None:
        """Kill the workers whose lease is found expired again, and a stopped one that blocks writers.

        While no process can write, none can renew: then an expired lease proves nothing.
        """
        workers = {row.id: row for row in store.runs.open_workers()}
        writer, stuck_for = self._stuck_writer(store)
        if writer is not None:
            self._suspects = set()
            if stuck_for > self._lease_seconds and _is_stopped(writer.pid):
                self._evict(*(row for row in workers.values() if row.pid == writer.pid))
            return
        leases = store.expired_leases()
        silent = {leases[token] for token in leases.keys() & self._suspects}
        self._evict(*(workers[worker] for worker in silent & workers.keys()))
        self._suspects = set(leases)

    def _stuck_writer(self, store: Store) -> tuple[WriteLockOwner | None, float]:
        """Return the process that has been in one write transaction since the last check, and how long."""
        writer, now = store.writer(), store.now()
        known, since = self._writer
        if writer is not None and writer == known:
            return writer, now - since
        self._writer = writer, now
        return None, 0.0

    def _evict(self, *workers: WorkerRow) -> None:
        folder = self._project.state / "workers"
        for worker in workers:
            if not worker_state.is_alive(folder, worker.id):
                continue
            self.evicted.add(worker.id)
            try:
                _kill(worker.pid, partial(worker_state.is_alive, folder, worker.id))
            except ProcessLookupError:
                continue
            except PermissionError:  # another user's: only the fencing token protects its jobs
                self.unreachable.add(worker.id)


def _is_stopped(pid: int) -> bool:
    """Whether a process is stopped by a signal; False where the system does not report it."""
    try:
        facts = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    except OSError:
        return False
    return facts.rpartition(")")[2].split()[0] in "Tt"


def _kill(pid: int, still: Callable[[], bool]) -> None:
    """SIGKILL, which ends stopped processes too; not another process that got the same pid."""
    if not hasattr(os, "pidfd_open"):
        os.kill(pid, signal.SIGKILL)
        return
    process = os.pidfd_open(pid)
    try:
        if still():
            signal.pidfd_send_signal(process, signal.SIGKILL)
    finally:
        os.close(process)
