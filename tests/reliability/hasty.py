"""A harness (LEDGER_CHAOS=reliability.hasty): nobody waits for SQLite's lock; all get SQLITE_BUSY."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.store import connection as db

if TYPE_CHECKING:
    from ledger.process.fault_points import Point

db.BUSY_SECONDS = 0.02


def reached(_: Point) -> None:
    """Nothing else."""
