"""Liveness: a small file per worker, locked while it is alive, with the job in flight.

The worker holds an flock on its state file for as long as it runs, so a crash is known at once,
without waiting for a lease to expire. The job in flight is recorded through a memory map: the
record survives SIGKILL, costs well under a microsecond, and needs no transaction.
"""

from __future__ import annotations

import mmap
import os
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ledger.process import clock
from ledger.process.locks import is_locked, lock

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from ledger.jobs import Job

_LAYOUT = struct.Struct("<qdqH200s")  # job id or 0, since when, jobs finished, name
_SIZE = 256


@dataclass(frozen=True, slots=True)
class InFlight:
    """Contents of a state file: job (0: none), since when (clock of leases), jobs finished, name."""

    job: int
    since: float
    finished: int
    name: str


class WorkerState:
    """The writing side, which the worker holds as long as it runs."""

    def __init__(self, folder: Path, worker: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = os.open(_path(folder, worker), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        lock(self._file)
        os.ftruncate(self._file, _SIZE)
        self._map = mmap.mmap(self._file, _SIZE)
        self._finished = 0

    def enter(self, job: Job) -> None:
        """Record that `job` is in flight."""
        name = job.name.encode("utf-8")[:200]
        _LAYOUT.pack_into(self._map, 0, job.id, clock.now(), self._finished, len(name), name)

    def leave(self) -> None:
        """Record that no job is in flight."""
        self._finished += 1
        _LAYOUT.pack_into(self._map, 0, 0, clock.now(), self._finished, 0, b"")


def in_flight(folder: Path, worker: int) -> InFlight | None:
    """Return the contents of a worker's state file; None if it has none."""
    try:
        data = _path(folder, worker).read_bytes()
    except FileNotFoundError:
        return None
    if len(data) < _LAYOUT.size:
        return None
    job, since, finished, length, name = _LAYOUT.unpack_from(data)
    return InFlight(job, since, finished, name[:length].decode("utf-8", "replace"))


def is_alive(folder: Path, worker: int) -> bool:
    """Whether the worker still holds the lock of its state file."""
    return is_locked(_path(folder, worker))


def remove(folder: Path, worker: int) -> None:
    """Remove a dead worker's state file."""
    _path(folder, worker).unlink(missing_ok=True)


def sweep(folder: Path, keep: Collection[int]) -> None:
    """Remove all state files but those of `keep`: a coordinator that was killed leaves some."""
    names = {_path(folder, worker).name for worker in keep}
    for path in folder.glob("*.slot"):
        if path.name not in names:
            path.unlink(missing_ok=True)


def _path(folder: Path, worker: int) -> Path:
    return folder / f"{worker}.slot"
