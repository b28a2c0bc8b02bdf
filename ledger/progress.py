"""The progress of a run: what is done and in hand, how fast, how much longer; as lines or JSON.

The view for terminals is in ledger/live.py, which alone needs rich.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections import Counter, deque
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Literal, TextIO

import click

from ledger import clock, slots
from ledger.catalogue import Documents

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ledger.slots import InHand
    from ledger.store import KindCount
    from ledger.supervisor import Supervisor

# The rate is that of the last seconds, or of the last jobs where these take longer.
RATE_SECONDS = 10.0
RATE_JOBS = 10
# What was measured of a kind counts half as much once there is that much to go by.
ENOUGH_SECONDS = 60.0
ENOUGH_JOBS = 200
# The first jobs of a kind warm up caches: after that long its jobs say what they take.
MEASURED_SECONDS = 2.0
# Settling and claiming take a moment, in which no job is in hand; that is not waiting.
BETWEEN_SECONDS = 1.0
# The kinds whose key is the document that the page is about.
KINDS_OF_A_DOCUMENT = ("similar", "different")
SNIPPET_LENGTH = 160
SNIPPETS_KEPT = 1000


@dataclass(frozen=True, slots=True)
class AtWork:
    """One worker: its job, for how many seconds, and the first words of what that is about."""

    worker: int
    state: Literal["starting", "waiting", "at work"] = "waiting"
    job: str = ""
    seconds: float = 0.0
    snippet: str = ""

    @property
    def kind(self) -> str:
        """The kind of the job in hand."""
        return self.job.partition("/")[0]


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is left takes `seconds`, or more when there are kinds that nothing is known of yet."""

    seconds: float
    unmeasured: tuple[str, ...] = ()

    def __str__(self) -> str:
        """For people."""
        return f"{'at least' if self.unmeasured else 'about'} {duration(max(1, self.seconds))} left"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A run at one moment.

    `before` is how many jobs were settled before it began, `rate` the jobs it settles in a
    second, as measured (None before there is anything to measure), `places` how many
    workers were asked for, `ending` why no more jobs are taken, if so.
    """

    elapsed: float
    counts: tuple[KindCount, ...]
    workers: tuple[AtWork, ...] = ()
    rate: float | None = None
    forecast: Forecast | None = None
    deaths: int = 0
    before: int = 0
    places: int = 1
    ending: Literal["", "interrupted", "failed"] = ""

    @property
    def total(self) -> int:
        """All jobs of the run."""
        return sum(count.total for count in self.counts)

    @property
    def done(self) -> int:
        """Those that are done."""
        return sum(count.done for count in self.counts)

    @property
    def failed(self) -> int:
        """Those that failed."""
        return sum(count.failed for count in self.counts)

    @property
    def left(self) -> int:
        """Those that are neither."""
        return self.total - self.done - self.failed

    @property
    def settled(self) -> int:
        """How many this run has settled."""
        return max(0, self.done + self.failed - self.before)

    @property
    def present(self) -> tuple[str, ...]:
        """The kinds that are in hand, those of the most workers first."""
        kinds = Counter(worker.kind for worker in self.workers if worker.job)
        return tuple(kind for kind, _ in kinds.most_common())


# -- measuring ------------------------------------------------------------------------------


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
class Pace:
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

    def look(self, now: float, counts: Sequence[KindCount], in_hand: Sequence[str]) -> None:
        """Take note of the counts at a moment, and of the kind that each worker has in hand."""
        settled = {count.kind: count.done + count.failed for count in counts}
        if self._looks:
            self._charge(now - self._now, _shares(counts, in_hand, begun=bool(self._costs)))
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
        failed = [count.phase for count in counts if count.failed]
        last = min(failed, default=math.inf)  # beyond a phase with failed jobs nothing is taken
        left = {
            count.kind: count.pending + count.running for count in counts if count.phase <= last
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
    counts: Sequence[KindCount], in_hand: Sequence[str], *, begun: bool
) -> dict[str, float]:
    """The part of the time that each kind took; workers that rest do so for the open phase.

    Before anything was in hand the workers were starting, which is nobody's time.
    """
    if not in_hand and begun:
        phase = min((count.phase for count in counts if count.pending), default=None)
        in_hand = [count.kind for count in counts if count.pending and count.phase == phase]
    return {kind: number / len(in_hand) for kind, number in Counter(in_hand).items()}


class Meter:
    """Takes snapshots of a run. It only reads, and no more than counters and slots."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._before: Snapshot | None = None
        self._pace = Pace(1)
        self._rows: dict[int, AtWork] = {}
        self._snippets: dict[str, str] = {}

    def snapshot(self, supervisor: Supervisor) -> Snapshot:
        """The run now."""
        now = time.monotonic()
        counts = tuple(supervisor.store.counts())
        workers = self._workers(supervisor)
        self._pace.workers = supervisor.orders.workers
        self._pace.look(now, counts, [worker.kind for worker in workers if worker.job])
        snapshot = Snapshot(
            elapsed=now - self._started,
            counts=counts,
            workers=workers,
            rate=self._pace.rate,
            forecast=self._pace.forecast(counts),
            deaths=self._deaths(supervisor),
            before=self._settled_before(counts),
            places=supervisor.orders.workers,
            ending=self._ending(supervisor, counts),
        )
        self._before = snapshot
        return snapshot

    def _settled_before(self, counts: Sequence[KindCount]) -> int:
        if self._before is not None:
            return self._before.before
        return sum(count.done + count.failed for count in counts)

    def _deaths(self, supervisor: Supervisor) -> int:
        """Those of the run; who is killed by a second Ctrl+C has not died on us."""
        if supervisor.interrupted and self._before is not None:
            return self._before.deaths
        return supervisor.deaths

    def _ending(
        self, supervisor: Supervisor, counts: Sequence[KindCount]
    ) -> Literal["", "interrupted", "failed"]:
        if supervisor.interrupted:
            return "interrupted"
        if self._before is None or supervisor.orders.keep_going:
            return ""
        more = sum(count.failed for count in counts) > self._before.failed
        return "failed" if more else self._before.ending

    def _workers(self, supervisor: Supervisor) -> tuple[AtWork, ...]:
        rows = [
            self._row(supervisor, child.number, supervisor.worker_id(child))
            for child in supervisor.children
        ]
        return tuple(sorted(rows, key=lambda row: row.worker))

    def _row(self, supervisor: Supervisor, number: int, worker: int | None) -> AtWork:
        folder = supervisor.project.state / "workers"
        hand = slots.in_hand(folder, worker) if worker is not None else None
        if worker is None or hand is None:
            return AtWork(number, "starting")
        seconds = max(0.0, clock.now() - hand.since)
        if hand.job:
            snippet = self._snippet(supervisor, hand)
            row = AtWork(number, "at work", printable(hand.name), seconds, snippet)
        elif seconds < BETWEEN_SECONDS and worker in self._rows:
            row = self._rows[worker]
        else:
            row = AtWork(number, "waiting", seconds=seconds if hand.since else 0.0)
        self._rows[worker] = row
        return row

    def _snippet(self, supervisor: Supervisor, hand: InHand) -> str:
        kind, _, key = hand.name.partition("/")
        if kind not in KINDS_OF_A_DOCUMENT:
            return ""
        if key not in self._snippets:
            if len(self._snippets) >= SNIPPETS_KEPT:
                self._snippets.clear()
            document = Documents(supervisor.store).get(key)
            self._snippets[key] = first_words(document.text) if document else ""
        return self._snippets[key]


# -- showing --------------------------------------------------------------------------------


class View:
    """What `ledger spawn` shows of its run; this one shows nothing (`--quiet`)."""

    def __call__(self, supervisor: Supervisor) -> None:
        """Called at every tick of the supervisor, some twenty times a second."""

    def close(self, supervisor: Supervisor) -> None:
        """Called once, at the end."""


class PacedView(View):
    """Shows a snapshot at once, every so many seconds, at Ctrl+C, and at the end.

    When whoever reads it is gone (Ctrl+C ends `| tee` first), the run goes on unseen: it
    still has jobs in hand to finish.
    """

    every = 1.0

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self._meter = Meter()
        self._due = -math.inf
        self._interrupted = False
        self._unseen = False

    def __call__(self, supervisor: Supervisor) -> None:
        """Show the run, if it is time to."""
        now = time.monotonic()
        if now >= self._due or supervisor.interrupted != self._interrupted:
            self._due, self._interrupted = now + self.every, supervisor.interrupted
            self._try(self.show, supervisor)

    def close(self, supervisor: Supervisor) -> None:
        """Show the end."""
        self._try(self.finish, supervisor)

    def _try(self, show: Callable[[Snapshot], None], supervisor: Supervisor) -> None:
        if self._unseen:
            return
        try:
            show(self._meter.snapshot(supervisor))
        except OSError:
            self._unseen = True

    def show(self, snapshot: Snapshot) -> None:
        """Show one moment."""
        raise NotImplementedError

    def finish(self, snapshot: Snapshot) -> None:
        """Show the end."""
        self.show(snapshot)


class PlainView(PacedView):
    """A line at the start, every few seconds, and at the end: for logs and pipes."""

    every = 5.0

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._begun = False

    def show(self, snapshot: Snapshot) -> None:
        """One line."""
        click.echo(_moment(snapshot) if self._begun else opening(snapshot), file=self.stream)
        self._begun = True

    def finish(self, snapshot: Snapshot) -> None:
        """How it ended."""
        click.echo(verdict(snapshot), file=self.stream)


class JsonView(PacedView):
    """One JSON object a line."""

    def show(self, snapshot: Snapshot) -> None:
        """One line."""
        forecast = snapshot.forecast
        facts = {
            "elapsed": round(snapshot.elapsed, 3),
            "done": snapshot.done,
            "failed": snapshot.failed,
            "total": snapshot.total,
            "settled_before": snapshot.before,
            "rate": None if snapshot.rate is None else round(snapshot.rate, 3),
            "remaining": None if forecast is None else round(forecast.seconds, 3),
            "unmeasured": [] if forecast is None else forecast.unmeasured,
            "deaths": snapshot.deaths,
            "ending": snapshot.ending or None,
            "kinds": [asdict(count) for count in snapshot.counts],
            "workers": [asdict(worker) for worker in snapshot.workers],
        }
        click.echo(json.dumps(facts, ensure_ascii=False), file=self.stream)


def make_view(*, quiet: bool, as_json: bool) -> View:
    """The view that fits: nothing, JSON, live on a terminal, else plain lines."""
    if quiet:
        return View()
    if as_json:
        return JsonView(sys.stdout)
    if _can_redraw(sys.stderr):
        from ledger.live import LiveView

        return LiveView(sys.stderr)
    return PlainView(sys.stderr)


def _can_redraw(stream: TextIO) -> bool:
    able = os.environ.get("TERM", "dumb") not in ("dumb", "unknown")
    unicode = (stream.encoding or "").lower().startswith("utf")
    return stream.isatty() and able and unicode


# -- words ----------------------------------------------------------------------------------


def opening(snapshot: Snapshot) -> str:
    """What is to be done."""
    done = f"{snapshot.done:,} of {snapshot.total:,} jobs done, " if snapshot.done else ""
    return f"{done}{snapshot.left:,} to build with {counted(snapshot.places, 'worker')}"


def _moment(snapshot: Snapshot) -> str:
    parts = [f"{snapshot.elapsed:7.1f} s", f"{snapshot.done:,} of {snapshot.total:,} done"]
    if snapshot.failed:
        parts.append(f"{snapshot.failed:,} failed")
    if snapshot.deaths:
        parts.append(f"{counted(snapshot.deaths, 'worker')} died")
    if snapshot.rate is not None:
        parts.append(speed(snapshot.rate))
    if snapshot.ending:
        parts.append("finishing the jobs in hand")
    elif snapshot.forecast:
        parts.append(str(snapshot.forecast))
    if snapshot.present:
        parts.append(f"at {', '.join(snapshot.present)}")
    return "  ".join(parts)


def verdict(snapshot: Snapshot) -> str:
    """How a run ended, in one line."""
    parts = [_outcome(snapshot), _effort(snapshot)]
    if snapshot.deaths:
        parts.append(f"{counted(snapshot.deaths, 'worker')} died")
    return "; ".join(parts)


def _outcome(snapshot: Snapshot) -> str:
    done = f"{snapshot.done:,} of {snapshot.total:,} jobs done"
    if snapshot.ending == "interrupted":
        failed = f", {snapshot.failed:,} failed" if snapshot.failed else ""
        return f"interrupted: {done}{failed}"
    if snapshot.failed:
        return f"{snapshot.failed:,} failed: {done}"
    if snapshot.left:
        return f"unfinished: {done}"
    return f"all done: {counted(snapshot.total, 'job')}"


def _effort(snapshot: Snapshot) -> str:
    if not snapshot.settled:
        return "nothing built in this run"
    rate = speed(snapshot.settled / snapshot.elapsed) if snapshot.elapsed > 0 else "at once"
    which = f"{snapshot.settled:,} of them " if snapshot.before else ""
    return f"{which}in {duration(snapshot.elapsed)}, {rate}"


def speed(rate: float) -> str:
    """Jobs by the second, by the minute or by the hour, whichever reads well."""
    for unit, seconds in (("s", 1), ("min", 60), ("h", 3600)):
        number = rate * seconds
        if number >= 1 or unit == "h":
            break
    return f"{number:,.0f} jobs/{unit}" if number >= 10 else f"{number:.1f} jobs/{unit}"


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def counted(number: int, noun: str) -> str:
    """`1 job`, `2 jobs`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def first_words(text: str) -> str:
    """The beginning of a text, on one line."""
    return printable(" ".join(text[:SNIPPET_LENGTH].split()))


def printable(text: str) -> str:
    """`text` on one line, without what a terminal would obey."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
