"""The live view of a run: what is done, what is in hand, how fast, how much longer."""

from __future__ import annotations

import json
import sys
import time
from collections import deque
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, TextIO

import click

from ledger import clock, slots

if TYPE_CHECKING:
    from ledger.store import KindCount
    from ledger.supervisor import Supervisor

RATE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class AtWork:
    """One worker's job in hand, and for how many seconds it has been."""

    worker: int
    job: str
    seconds: float
    snippet: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A run at one moment. `rate` is in jobs a second over the last seconds, measured."""

    elapsed: float
    counts: tuple[KindCount, ...]
    workers: tuple[AtWork, ...]
    rate: float
    deaths: int

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
    def remaining_seconds(self) -> float | None:
        """At the measured rate; None before there is one."""
        left = self.total - self.done - self.failed
        return left / self.rate if self.rate > 0 else None


class Meter:
    """Takes snapshots of a run and measures its rate over a sliding window."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._window: deque[tuple[float, int]] = deque()

    def snapshot(self, supervisor: Supervisor) -> Snapshot:
        """The run now."""
        counts = tuple(supervisor.store.counts())
        now = time.monotonic()
        done = sum(count.done for count in counts)
        self._window.append((now, done))
        while now - self._window[0][0] > RATE_SECONDS:
            self._window.popleft()
        then, before = self._window[0]
        rate = (done - before) / (now - then) if now > then else 0.0
        return Snapshot(now - self._started, counts, _at_work(supervisor), rate, supervisor.deaths)


def _at_work(supervisor: Supervisor) -> tuple[AtWork, ...]:
    folder = supervisor.project.state / "workers"
    rows = []
    for child in sorted(supervisor.children, key=lambda child: child.number):
        worker = supervisor.worker_id(child)
        hand = slots.in_hand(folder, worker) if worker is not None else None
        if hand is None or not hand.job:
            rows.append(AtWork(child.number, "", 0.0))
        else:
            rows.append(AtWork(child.number, hand.name, clock.now() - hand.since))
    return tuple(rows)


class View:
    """Shows snapshots at its own pace; the base shows nothing (`--quiet`)."""

    every = 1.0

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self._meter = Meter()
        self._last = 0.0

    def __call__(self, supervisor: Supervisor) -> None:
        """Called at every tick of the supervisor."""
        now = time.monotonic()
        if now - self._last >= self.every:
            self._last = now
            self.show(self._meter.snapshot(supervisor))

    def show(self, snapshot: Snapshot) -> None:
        """Show one moment."""

    def close(self, supervisor: Supervisor) -> None:
        """Show the end."""
        self.show(self._meter.snapshot(supervisor))


class PlainView(View):
    """A line every few seconds, for logs and pipes."""

    every = 5.0

    def show(self, snapshot: Snapshot) -> None:
        """One line."""
        left = snapshot.remaining_seconds
        parts = [
            f"{snapshot.elapsed:6.1f} s",
            f"{snapshot.done:,} of {snapshot.total:,} done",
            f"{snapshot.rate:,.1f} jobs/s",
        ]
        if snapshot.failed:
            parts.append(f"{snapshot.failed:,} failed")
        if left:
            parts.append(f"about {duration(left)} left")
        click.echo("  ".join(parts), file=self.stream)


class JsonView(View):
    """One JSON object a line."""

    def show(self, snapshot: Snapshot) -> None:
        """One line."""
        facts = {
            "elapsed": round(snapshot.elapsed, 3),
            "done": snapshot.done,
            "failed": snapshot.failed,
            "total": snapshot.total,
            "rate": round(snapshot.rate, 3),
            "remaining": snapshot.remaining_seconds,
            "deaths": snapshot.deaths,
            "kinds": [asdict(count) for count in snapshot.counts],
            "workers": [asdict(worker) for worker in snapshot.workers],
        }
        click.echo(json.dumps(facts, ensure_ascii=False), file=self.stream)


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def make_view(*, quiet: bool, as_json: bool) -> View:
    """The view that fits: nothing, JSON, live on a terminal, else plain lines."""
    if as_json:
        return JsonView(sys.stdout)
    if quiet:
        return View(sys.stderr)
    return PlainView(sys.stderr)
