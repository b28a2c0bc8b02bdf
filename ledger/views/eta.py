"""How fast a run goes, and how much longer it takes: from measured rates, never from guesses."""

from __future__ import annotations

import math
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ledger.text import duration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ledger.store.claims import KindCount

# The rate is that of the last seconds, or of the last jobs where these take longer.
RATE_SECONDS = 10.0
RATE_JOBS = 10
# What was measured of a kind counts half as much once there is that much to go by.
ENOUGH_SECONDS = 60.0
ENOUGH_JOBS = 200
# The first jobs of a kind warm up caches: after that long its jobs say what they take.
MEASURED_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is left takes `seconds`, or more when there are kinds that nothing is known of yet."""

    seconds: float
    unmeasured: tuple[str, ...] = ()

    def __str__(self) -> str:
        """For people."""
        return f"{'at least' if self.unmeasured else 'about'} {duration(max(1, self.seconds))} left"


@dataclass(slots=True)
class Cost:
    """What the jobs of one kind took of the run's time."""

    seconds: float = 0.0
    jobs: float = 0.0

    def add(self, seconds: float, jobs: int) -> None:
        """Count these in; what is long ago counts less and less."""
        if self.seconds > ENOUGH_SECONDS and self.jobs > ENOUGH_JOBS:
            self.seconds, self.jobs = self.seconds / 2, self.jobs / 2
        self.seconds += seconds
        self.jobs += jobs


@dataclass(slots=True)
class Estimator:
    """How fast a run goes, all in all and kind by kind, from counts taken now and then.

    Kinds differ by orders of magnitude, so what is left is not divided by one rate. The
    time between two looks is shared out among the kinds that the workers had in hand,
    and a kind's time by its settled jobs is what one more of them will take: of the
    run's time, with all workers, waits and claims in it. A kind counts as measured when
    as many of its jobs are settled as there are workers, and it has had a moment.
    """

    workers: int
    _looks: deque[tuple[float, int]] = field(default_factory=deque)
    _settled: dict[str, int] = field(default_factory=dict)
    _costs: dict[str, Cost] = field(default_factory=dict)
    _now: float = 0.0

    def look(self, now: float, counts: Sequence[KindCount], in_flight: Sequence[str]) -> None:
        """Take note of the counts at a moment, and of the kind that each worker has in hand."""
        settled = {count.name: count.done + count.failed for count in counts}
        if self._looks:
            self._charge(now - self._now, _shares(counts, in_flight, begun=bool(self._costs)))
            for kind, jobs in settled.items():
                self._cost(kind, max(0, jobs - self._settled.get(kind, 0)))
        self._now, self._settled = now, settled
        self._keep(now, sum(settled.values()))

    @property
    def rate(self) -> float | None:
        """Jobs settled a second, lately; None as long as there are none."""
        then, before = self._looks[0]
        settled = sum(self._settled.values()) - before
        if settled > 0 and self._now > then:
            return settled / (self._now - then)
        return None if len(self._looks) < 2 else 0.0

    def forecast(self, counts: Sequence[KindCount]) -> Forecast | None:
        """How long what is left will take; None while nothing of it is measured."""
        failed = [count.stage for count in counts if count.failed]
        last = min(failed, default=math.inf)  # beyond a phase with failed jobs nothing is taken
        left = {
            count.name: count.pending + count.running for count in counts if count.stage <= last
        }
        known = {kind: jobs for kind, jobs in left.items() if jobs and self._is_measured(kind)}
        seconds = sum(
            jobs * self._costs[kind].seconds / self._costs[kind].jobs
            for kind, jobs in known.items()
        )
        unknown = tuple(kind for kind, jobs in left.items() if jobs and kind not in known)
        return Forecast(seconds, unknown) if known else None

    def _is_measured(self, kind: str) -> bool:
        cost = self._costs.get(kind)
        return cost is not None and cost.jobs >= self.workers and cost.seconds >= MEASURED_SECONDS

    def _charge(self, seconds: float, shares: Mapping[str, float]) -> None:
        for kind, share in shares.items():
            self._costs.setdefault(kind, Cost()).add(seconds * share, 0)

    def _cost(self, kind: str, jobs: int) -> None:
        if jobs:
            self._costs.setdefault(kind, Cost()).add(0.0, jobs)

    def _keep(self, now: float, settled: int) -> None:
        """Keep the looks at which something had changed, as far back as the rate needs them."""
        looks = self._looks
        if not looks or looks[-1][1] != settled:
            looks.append((now, settled))
        while len(looks) > 1 and _is_enough(now - looks[1][0], settled - looks[1][1]):
            looks.popleft()


def _is_enough(seconds: float, jobs: int) -> bool:
    return seconds >= RATE_SECONDS and jobs >= RATE_JOBS


def _shares(
    counts: Sequence[KindCount], in_flight: Sequence[str], *, begun: bool
) -> dict[str, float]:
    """The part of the time that each kind took; workers that rest do so for the open phase.

    Before anything was in hand the workers were starting, which is nobody's time.
    """
    if not in_flight and begun:
        stage = min((count.stage for count in counts if count.pending), default=None)
        in_flight = [count.name for count in counts if count.pending and count.stage == stage]
    return {kind: number / len(in_flight) for kind, number in Counter(in_flight).items()}
