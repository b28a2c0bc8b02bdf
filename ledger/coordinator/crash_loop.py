"""Crash-loop detection: when to conclude that no worker can start, and end the run."""

from __future__ import annotations

from dataclasses import dataclass, field

from ledger.process.retry import backoff_seconds

CRASH_LOOP_LIMIT = 3
"""Deaths in a row, for each worker that may start at the same time, after which the run ends."""


@dataclass(slots=True)
class CrashLoop:
    """Counts the workers that died in a row without a job to charge.

    A failed start is no evidence against the installation while other workers of the run do jobs:
    that worker may have been killed. So failed starts count only while no other worker is at work,
    and only as long as nothing is settled from one to the next. While they do not count, the next
    start waits, longer each time. `width` is how many workers may start at the same time, and so
    may die of one cause; `settled` is how many jobs were settled when the run began.
    """

    width: int
    settled: int
    deaths: int = 0
    _uncounted: int = 0
    _not_before: float = field(default=0.0)

    def reset(self) -> None:
        """Forget all deaths: a worker held a job, so workers can start."""
        self.deaths = self._uncounted = 0
        self._not_before = 0.0

    def add_failed_start(self, *, settled: int, others_at_work: bool, now: float) -> None:
        """Count a worker that died before it held a job; `settled` jobs are settled by now."""
        if settled != self.settled:
            self.deaths, self.settled = 0, settled
        if others_at_work:
            from random import random  # not at every start of a run

            self._uncounted += 1
            self._not_before = now + backoff_seconds(self._uncounted, random)
        else:
            self.deaths += 1

    def add_failed_settlement(self) -> None:
        """Count a worker that raised while it settled: every other one would raise as well."""
        self.deaths += 1

    @property
    def is_certain(self) -> bool:
        """Whether to end the run."""
        return self.deaths >= CRASH_LOOP_LIMIT * self.width

    def is_waiting(self, now: float) -> bool:
        """Whether to delay the next start, as long as other workers are at work."""
        return now < self._not_before
