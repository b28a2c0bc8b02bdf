"""The progress of a run: what is done and in hand, how fast, how much longer; as lines or JSON.

The view for terminals is in ledger/views/terminal.py, which alone needs rich.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TextIO

import click

from ledger.process import clock, worker_state
from ledger.store.plan import Documents
from ledger.text import counted, duration, first_words, printable, speed
from ledger.views.eta import Estimator, Forecast

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ledger.process.worker_state import InFlight
    from ledger.project.load import Project
    from ledger.store.claims import KindCount, Store

# Settling and claiming take a moment, in which no job is in hand; that is not waiting.
BETWEEN_SECONDS = 1.0
# The kinds whose key is the document that the page is about.
KINDS_OF_A_DOCUMENT = ("similar", "different")
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
class Snapshot:
    """A run at one moment.

    `before` is how many jobs were settled before it began, `rate` the jobs it settles in a
    second, as measured (None before there is anything to measure), `worker_count` how many
    workers were asked for, `ending` why no more jobs are taken, if so, `spending` what queues
    have spent, `waits_for` why nothing new begins for the moment.
    """

    elapsed: float
    counts: tuple[KindCount, ...]
    workers: tuple[AtWork, ...] = ()
    rate: float | None = None
    forecast: Forecast | None = None
    deaths: int = 0
    before: int = 0
    worker_count: int = 1
    ending: Literal["", "interrupted", "failed"] = ""
    spending: tuple[str, ...] = ()
    waits_for: str = ""

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


class Watched(Protocol):
    """What a view needs to know of a run: a supervisor's own, or one that somebody watches."""

    project: Project
    store: Store
    interrupted: bool
    deaths: int
    throttled: str | None

    @property
    def children(self) -> Sequence[Any]:
        """Its workers, each with a number."""
        ...

    @property
    def worker_count(self) -> int:
        """How many workers were asked for."""
        ...

    @property
    def keeps_going(self) -> bool:
        """Whether a failed job does not end it."""
        ...

    def counts(self) -> list[KindCount]:
        """Where the jobs stand that it is about."""
        ...

    def spending(self) -> tuple[str, ...]:
        """What its queues have spent."""
        ...

    def worker_id(self, child: Any) -> int | None:
        """The id of one of its workers, if it has one by now."""
        ...


# -- measuring ------------------------------------------------------------------------------


class Meter:
    """Takes snapshots of a run. It only reads, and no more than counters and slots."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._before: Snapshot | None = None
        self._pace = Estimator(1)
        self._rows: dict[int, AtWork] = {}
        self._snippets: dict[str, str] = {}

    def snapshot(self, supervisor: Watched) -> Snapshot:
        """The run now."""
        now = time.monotonic()
        counts = tuple(supervisor.counts())
        workers = self._workers(supervisor)
        self._pace.workers = supervisor.worker_count
        self._pace.look(now, counts, [worker.kind for worker in workers if worker.job])
        snapshot = Snapshot(
            elapsed=now - self._started,
            counts=counts,
            workers=workers,
            rate=self._pace.rate,
            forecast=self._pace.forecast(counts),
            deaths=self._deaths(supervisor),
            before=self._settled_before(counts),
            worker_count=supervisor.worker_count,
            ending=self._ending(supervisor, counts),
            spending=supervisor.spending(),
            waits_for=supervisor.throttled or "",
        )
        self._before = snapshot
        return snapshot

    def _settled_before(self, counts: Sequence[KindCount]) -> int:
        if self._before is not None:
            return self._before.before
        return sum(count.done + count.failed for count in counts)

    def _deaths(self, supervisor: Watched) -> int:
        """Those of the run; who is killed by a second Ctrl+C has not died on us."""
        if supervisor.interrupted and self._before is not None:
            return self._before.deaths
        return supervisor.deaths

    def _ending(
        self, supervisor: Watched, counts: Sequence[KindCount]
    ) -> Literal["", "interrupted", "failed"]:
        if supervisor.interrupted:
            return "interrupted"
        if self._before is None or supervisor.keeps_going:
            return ""
        more = sum(count.failed for count in counts) > self._before.failed
        return "failed" if more else self._before.ending

    def _workers(self, supervisor: Watched) -> tuple[AtWork, ...]:
        rows = [
            self._row(supervisor, child.number, supervisor.worker_id(child))
            for child in supervisor.children
        ]
        return tuple(sorted(rows, key=lambda row: row.worker))

    def _row(self, supervisor: Watched, number: int, worker: int | None) -> AtWork:
        folder = supervisor.project.state / "workers"
        hand = worker_state.in_flight(folder, worker) if worker is not None else None
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

    def _snippet(self, supervisor: Watched, hand: InFlight) -> str:
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

    def __call__(self, supervisor: Watched) -> None:
        """Called at every tick of the supervisor, some twenty times a second."""

    def close(self, supervisor: Watched) -> None:
        """Called once, at the end."""


class PeriodicView(View):
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

    def __call__(self, supervisor: Watched) -> None:
        """Show the run, if it is time to."""
        now = time.monotonic()
        if now >= self._due or supervisor.interrupted != self._interrupted:
            self._due, self._interrupted = now + self.every, supervisor.interrupted
            self._try(self.show, supervisor)

    def close(self, supervisor: Watched) -> None:
        """Show the end."""
        self._try(self.finish, supervisor)

    def _try(self, show: Callable[[Snapshot], None], supervisor: Watched) -> None:
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


class PlainView(PeriodicView):
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


class JsonView(PeriodicView):
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
            "spending": list(snapshot.spending),
            "waits_for": snapshot.waits_for or None,
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
        from ledger.views.terminal import LiveView

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
    return f"{done}{snapshot.left:,} to build with {counted(snapshot.worker_count, 'worker')}"


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
    parts += snapshot.spending
    if snapshot.waits_for:
        parts.append(f"nothing new begins: {snapshot.waits_for}")
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
