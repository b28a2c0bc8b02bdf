"""A harness (LEDGER_CHAOS=reliability.hold) that keeps a process at one point until it may go on."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ledger.process.fault_points import Point

FOLDER = Path(os.environ["HOLD_FOLDER"])


def reached(point: Point) -> None:
    """Say that it is here, and wait to be let go."""
    if point.name == os.environ["HOLD_AT"]:
        (FOLDER / "held").touch()
        while not (FOLDER / "go").exists():
            time.sleep(0.005)
