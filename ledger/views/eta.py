"""The rate of a run and its time left: computed from measured rates, never from guesses.

The process that runs it measures (`Estimator`) and writes what it measured beside the ledger, so
that every other process (`attach`, `status`) shows the same figures. Reading them from the jobs
instead would mean a scan of all jobs, since what the ledger keeps of a job has no index by time.
"""

from __future__ import annotations

import json
import math
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ledger.text import duration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ledger.store.reports import KindCount

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
    """The time that the remaining jobs take: at least `seconds` where kinds are not measured yet."""

    seconds: float
    unmeasured: tuple[str, ...] = ()

    def __str__(self) -> str:
        """For people."""
        return f"{'at least' if self.unmeasured else 'about'} {duration(max(1, self.seconds))} left"


@dataclass(frozen=True, slots=True)
class Measured:
    """The rate of a run in jobs a second, and the seconds of its time that a job of a kind takes.

    `rate` is None before there is anything to measure; `seconds` has only kinds that are measured.
    """

    rate: float | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)

    def forecast(self, counts: Sequence[KindCount]) -> Forecast | None:
        """The time left for these jobs; None while nothing of them is measured."""
        failed = [count.stage for count in counts if count.failed]
        last = min(failed, default=math.inf)  # no phase after one with failed jobs is claimed
        left = {
            count.name: count.pending + count.running for count in counts if count.stage <= last
        }
        known = {kind: jobs for kind, jobs in left.items() if jobs and kind in self.seconds}
        seconds = sum(jobs * self.seconds[kind] for kind, jobs in known.items())
        unknown = tuple(kind for kind, jobs in left.items() if jobs and kind not in known)
        return Forecast(seconds, unknown) if known else None


# -- measuring ------------------------------------------------------------------------------


@dataclass(slots=True)
class Cost:
    """The part of the run's time that the jobs of one kind took."""

    seconds: float = 0.0
    jobs: float = 0.0

    def add(self, seconds: float, jobs: int) -> None:
        """Count these in; older ones count less and less."""
        if self.seconds > ENOUGH_SECONDS and self.jobs > ENOUGH_JOBS:
            self.seconds, self.jobs = self.seconds / 2, self.jobs / 2
        self.seconds += seconds
        self.jobs += jobs


@dataclass(slots=True)
class Estimator:
    """Measures a run, in all and kind by kind, from counts read now and then.

    Kinds differ by orders of magnitude, so what is left is not divided by one rate. The
    time between two looks is divided among the kinds that the workers had in flight,
    and a kind's time divided by its settled jobs is what one more of them will take: of
    the run's time, with all workers, waits and claims in it. A kind counts as measured when
    as many of its jobs are settled as there are workers, and it has had a moment.
    """

    workers: int
    _looks: deque[tuple[float, int]] = field(default_factory=deque)
    _settled: dict[str, int] = field(default_factory=dict)
    _costs: dict[str, Cost] = field(default_factory=dict)
    _now: float = 0.0

    def look(self, now: float, counts: Sequence[KindCount], in_flight: Sequence[str]) -> None:
        """Record the counts at a moment, and the kind that each worker has in flight."""
        settled = {count.name: count.done + count.failed for count in counts}
        if self._looks:
            self._charge(now - self._now, _shares(counts, in_flight, begun=bool(self._costs)))
            for kind, jobs in settled.items():
                self._cost(kind, max(0, jobs - self._settled.get(kind, 0)))
        self._now, self._settled = now, settled
        self._keep(now, sum(settled.values()))

    @property
    def measured(self) -> Measured:
        """What is known by now."""
        known = {kind: cost for kind, cost in self._costs.items() if self._is_measured(cost)}
        return Measured(
            self._rate(), {kind: each.seconds / each.jobs for kind, each in known.items()}
        )

    def _rate(self) -> float | None:
        then, before = self._looks[0]
        settled = sum(self._settled.values()) - before
        if settled > 0 and self._now > then:
            return settled / (self._now - then)
        return None if len(self._looks) < 2 else 0.0

    def _is_measured(self, cost: Cost) -> bool:
        return cost.jobs >= self.workers and cost.seconds >= MEASURED_SECONDS

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
    """Divide the time among kinds; workers that rest do so for the open phase.

    Before anything was in flight the workers were starting, which is charged to no kind.
    """
    if not in_flight and begun:
        stage = min((count.stage for count in counts if count.pending), default=None)
        in_flight = [count.name for count in counts if count.pending and count.stage == stage]
    return {kind: number / len(in_flight) for kind, number in Counter(in_flight).items()}


# -- for other processes --------------------------------------------------------------------


def write_measured(path: Path, run: int, measured: Measured) -> None:
    """Write what a run has measured, whole or not at all.

    Not synced to the disk: after a power cut the run that it measures is over.
    """
    facts = {"run": run, "rate": measured.rate, "seconds": dict(measured.seconds)}
    temporary = path.with_name(f"{path.name}.new")  # there is one coordinator, hence one writer
    temporary.unlink(missing_ok=True)  # whatever is there, a link too
    with temporary.open("x", encoding="utf-8") as file:
        json.dump(facts, file)
    temporary.replace(path)


def read_measured(path: Path, run: int) -> Measured:
    """Read what that run has measured; of a run that wrote nothing, nothing is measured."""
    try:
        facts = json.loads(path.read_text("utf-8"))
        if facts["run"] != run:
            return Measured()
        rate = None if facts["rate"] is None else float(facts["rate"])
        return Measured(rate, {str(kind): float(each) for kind, each in facts["seconds"].items()})
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return Measured()
