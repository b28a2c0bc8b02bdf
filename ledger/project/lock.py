"""The lock of a project: one process at a time plans, builds or recovers."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ledger.errors import LockedError
from ledger.process.locks import is_locked, lock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ledger.project.settings import Project


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
