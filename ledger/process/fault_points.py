"""Fault points: named steps at which the chaos harness (bin/chaos) may kill a process.

`reached` does nothing, unless LEDGER_CHAOS names a module whose `reached` is to be called
instead. No other part of Ledger knows of the harness.
"""

from __future__ import annotations

import os
from enum import StrEnum
from importlib import import_module


class Point(StrEnum):
    """A point between two steps; a crash there leaves only the first done."""

    CLAIM_WRITTEN = "claim written, not committed"
    CLAIMED = "claim committed"
    JOB_IN_FLIGHT = "job in hand, not run"
    TEMP_OPENED = "temp file opened, empty"
    TEMP_WRITTEN = "temp file written, not renamed"
    RENAMED = "renamed, not settled"
    JOB_RAN = "all outputs published, not settled"
    SETTLE_WRITTEN = "settlement written, not committed"
    SETTLED = "settlement committed"
    WORKER_CALLED = "worker called, not yet registered"
    WORKER_DEAD = "worker seen dead, nothing taken back"
    REAP_WRITTEN = "leases taken back, not committed"
    REAPED = "leases taken back"
    PLAN_WRITTEN = "plan written, not committed"
    PLANNED = "plan committed, stale_outputs there"


def _nothing(_: Point) -> None:
    """Do nothing: the harness is not active."""


_harness = os.environ.get("LEDGER_CHAOS")
reached = import_module(_harness).reached if _harness else _nothing
