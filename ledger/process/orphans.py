"""Processes that outlive the worker that started them.

A killed worker cannot end the processes that its job started, and a render may run for hours. So
every process that a job starts carries a tag in its environment, which a new session or process
group inherits, and crash recovery ends all processes with the tag before the job runs again.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

PROCESS_TAG = "LEDGER_WORKER"
GRACE_SECONDS = 2.0
_LOOK_SECONDS = 0.02


def process_tag(state: Path, worker: int) -> str:
    """Return the value of `LEDGER_WORKER` in the environment of the processes of a worker's jobs."""
    return f"{os.path.realpath(state)}:{worker}"


def end_orphans(state: Path, worker: int) -> int:
    """End all processes that a dead worker's jobs left: TERM, a grace period, KILL; return how many.

    They are dead on return, so that a job that is claimed again does not run twice at once.
    """
    mark = process_tag(state, worker)
    found = _tagged(mark)
    _signal(found, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    while left := _tagged(mark):
        if time.monotonic() > deadline:
            _signal(left, signal.SIGKILL)
        time.sleep(_LOOK_SECONDS)
    return len(found)


def _signal(pids: list[int], number: int) -> None:
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def _tagged(mark: str) -> list[int]:
    """Return the processes with that tag; zombies have no environment."""
    wanted = f"{PROCESS_TAG}={mark}".encode("utf-8", "surrogateescape")
    if not Path("/proc/self/environ").exists():
        return _tagged_without_proc(mark)
    pids = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdecimal():
            continue
        try:
            with open(f"/proc/{entry.name}/environ", "rb") as file:  # noqa: PTH123
                environment = file.read()
        except OSError:  # gone by now, or another user's
            continue
        if wanted in environment.split(b"\0"):
            pids.append(int(entry.name))
    return pids


def _tagged_without_proc(mark: str) -> list[int]:
    """Return the same where there is no /proc, by psutil."""
    import psutil

    pids = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(PROCESS_TAG) == mark:
                pids.append(process.pid)
    return pids
