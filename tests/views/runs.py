"""Runs to look at, for the tests of views."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from ledger.store.reports import KindCount
from ledger.views.eta import Forecast
from ledger.views.snapshot import AtWork, Snapshot

COUNTS = (
    KindCount(0, "embed", done=32),
    KindCount(1, "entry", done=31),
    KindCount(1, "rank-similar", done=31),
    KindCount(2, "similar", pending=4_000, running=200, done=3_595, failed=2),
    KindCount(2, "word", pending=150),
    KindCount(3, "different", pending=7_797),
)


def run_of(workers: int, /, **changes: Any) -> Snapshot:
    """A run in the middle, with that many workers at work."""
    rows = tuple(
        AtWork(number, "at work", f"similar/wisdom/{number:04}", number / 2, "The first 字 words")
        for number in range(1, workers + 1)
    )
    facts: dict[str, Any] = {
        "elapsed": 21.0, "counts": COUNTS, "workers": rows, "rate": 843.2, "worker_count": workers,
        "forecast": Forecast(70.0, ("different",)),
    }  # fmt: skip
    return Snapshot(**(facts | changes))


class FakeRun:
    """As much of a supervisor as a view reads."""

    def __init__(self, folder: Any, *counts: KindCount) -> None:
        self.project = SimpleNamespace(state=folder)
        self.store = SimpleNamespace(runs=SimpleNamespace(latest=lambda: None))
        self.counts, self.queues = lambda: list(counts), list
        self.worker_count, self.keeps_going, self.throttled = 2, False, None
        self.children = [SimpleNamespace(number=2, id=20), SimpleNamespace(number=1, id=None)]
        self.deaths, self.interrupted = 0, False
        self.worker_id = lambda child: child.id
