"""A run as plain lines, for logs and pipes, and as JSON lines, for programs."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, TextIO

import click

from ledger.text import counted, speed
from ledger.views.outcome import failed, verdict
from ledger.views.spending import spending_of
from ledger.views.view import View

if TYPE_CHECKING:
    from ledger.views.meter import Meter
    from ledger.views.snapshot import Snapshot


class PlainView(View):
    """A line at the start, every few seconds, and at the end."""

    every = 5.0

    def __init__(self, stream: TextIO, meter: Meter | None = None) -> None:
        super().__init__(meter)
        self.stream = stream
        self._begun = False

    def show(self, snapshot: Snapshot) -> None:
        """Print a line."""
        click.echo(_moment(snapshot) if self._begun else opening(snapshot), file=self.stream)
        self._begun = True

    def finish(self, snapshot: Snapshot) -> None:
        """Print how it ended."""
        click.echo(verdict(snapshot), file=self.stream)


class JsonView(View):
    """One JSON object a line."""

    def __init__(self, stream: TextIO, meter: Meter | None = None) -> None:
        super().__init__(meter)
        self.stream = stream

    def show(self, snapshot: Snapshot) -> None:
        """Print an object."""
        forecast = snapshot.forecast
        facts = {
            "elapsed": round(snapshot.elapsed, 3),
            "done": snapshot.done,
            "failed": snapshot.failed,
            "parked": snapshot.parked,
            "total": snapshot.total,
            "settled_before": snapshot.before,
            "rate": None if snapshot.rate is None else round(snapshot.rate, 3),
            "remaining": None if forecast is None else round(forecast.seconds, 3),
            "unmeasured": [] if forecast is None else forecast.unmeasured,
            "deaths": snapshot.deaths,
            "spending": spending_of(snapshot.queues),
            "waits_for": snapshot.waits_for or None,
            "ending": snapshot.ending or None,
            "kinds": [asdict(count) for count in snapshot.counts],
            "workers": [asdict(worker) for worker in snapshot.workers],
        }
        click.echo(json.dumps(facts, ensure_ascii=False), file=self.stream)


def opening(snapshot: Snapshot) -> str:
    """The work to be done, in one line."""
    total = counted(snapshot.total, "job")
    done = f"{snapshot.done:,} of {total} done, " if snapshot.done else ""
    return f"{done}{snapshot.left:,} to build with {counted(snapshot.worker_count, 'worker')}"


def _moment(snapshot: Snapshot) -> str:
    parts = [f"{snapshot.elapsed:7.1f} s", f"{snapshot.done:,} of {snapshot.total:,} done"]
    if snapshot.failed:
        parts.append(failed(snapshot))
    if snapshot.deaths:
        parts.append(f"{counted(snapshot.deaths, 'worker')} died")
    if snapshot.rate is not None:
        parts.append(speed(snapshot.rate))
    if snapshot.ending:
        parts.append("finishing the jobs in flight")
    elif snapshot.forecast:
        parts.append(str(snapshot.forecast))
    parts += spending_of(snapshot.queues)
    if snapshot.waits_for:
        parts.append(f"nothing new begins: {snapshot.waits_for}")
    if snapshot.present:
        parts.append(f"at {', '.join(snapshot.present)}")
    return "  ".join(parts)
