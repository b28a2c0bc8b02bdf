"""Crash-loop detection: when to conclude that no worker can start, and end the run."""

from __future__ import annotations

from dataclasses import dataclass, field

from ledger.process.retry import backoff_seconds

CRASH_LOOP_LIMIT = 3
"""How often each of the workers that start together may die in a row; going on would be for ever."""


@dataclass(slots=True)
class CrashLoop:
    """Counts the workers that died in a row without blame on a job.

    A worker that cannot start says nothing about the installation while others of the run do
    jobs: it may have been killed. So failed starts count only while no other worker is at work,
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
        """A worker got as far as a job: workers can start."""
        self.deaths = self._uncounted = 0
        self._not_before = 0.0

    def add_failed_start(self, *, settled: int, others_at_work: bool, now: float) -> None:
        """A worker died before it held a job; `settled` jobs of the ledger are settled by now."""
        if settled != self.settled:
            self.deaths, self.settled = 0, settled
        if others_at_work:
            from random import random  # not at every start of a run

            self._uncounted += 1
            self._not_before = now + backoff_seconds(self._uncounted, random)
        else:
            self.deaths += 1

    def add_failed_settlement(self) -> None:
        """A worker raised while it settled: that would come again whatever the others do."""
        self.deaths += 1

    @property
    def is_certain(self) -> bool:
        """Whether to give up."""
        return self.deaths >= CRASH_LOOP_LIMIT * self.width

    def is_waiting(self, now: float) -> bool:
        """Whether the next start had better wait, as long as others are at work."""
        return now < self._not_before
