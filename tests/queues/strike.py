"""Kills a worker once, when it has written a settlement and not yet committed it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from ledger.process.fault_points import Point


def reached(point: Point) -> None:
    """Called at every point of a job's way."""
    mark = Path("struck")  # a worker stands in its project
    if point == Point.SETTLE_WRITTEN and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
