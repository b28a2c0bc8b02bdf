"""The figures of a report: throughput, durations, workers and spend, as numbers and charts."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, NamedTuple

from ledger.queues.amounts import as_rate
from ledger.text import counted
from ledger.views import charts
from ledger.views.charts import Part, Span
from ledger.views.format import in_seconds, legible, moment
from ledger.views.spending import rate_in_use, read_rate_changes, spending

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

    from ledger.store.reports import KindCount
    from ledger.store.rows import AttemptRow, RunRow, SettledRow
    from ledger.store.store import Store
    from ledger.views.snapshot import QueueState

WORKERS = 64
RATE_CHANGES = 500
"""The most worker lines and rate changes that a report shows."""

# -- throughput -------------------------------------------------------------------------------


class Throughput(NamedTuple):
    """Bars over time: the seconds that one covers (`width`), and the jobs of the highest (`top`)."""

    name: str
    chart: Markup
    first: float
    last: float
    width: float
    top: int

    @property
    def peak(self) -> str:
        """The highest bar as a rate."""
        return as_rate(self.top / self.width)


def throughput(store: Store, run: RunRow | None) -> list[Throughput]:
    """Over all runs, and over the last run alone where that is a small part of the time."""
    whole = _throughput(store, "All runs", 0.0)
    if whole is None or run is None:
        return [whole] if whole else []
    last = _throughput(store, "The last run", run.started_at)
    if last is None or last.last - last.first > (whole.last - whole.first) / 3:
        return [whole]
    return [whole, last]


def _throughput(store: Store, name: str, since: float) -> Throughput | None:
    span = store.reports.settled_span(since)
    if span.first is None or span.last is None:
        return None
    width = charts.stretch_seconds(span.last - span.first)
    rows = store.reports.settled_over_time(since, width)
    columns = [(row.stretch, _bar(row, width)) for row in rows]
    top = max(row.settled for row in rows)
    what = f"{counted(sum(row.settled for row in rows), 'job')} settled over time"
    first, count = charts.room([place for place, _ in columns])
    ends = first * width, (first + count) * width
    return Throughput(name, charts.bars(columns, what), *ends, width, top)


def _bar(row: SettledRow, width: float) -> list[Part]:
    at, undone = moment(row.stretch * width), row.settled - row.done
    return [
        Part(row.done, "done", f"{at}: {row.done:,} done"),
        Part(undone, "failed", f"{at}: {undone:,} not done"),
    ]


# -- durations --------------------------------------------------------------------------------


class Durations(NamedTuple):
    """Durations of the jobs of a queue or kind, in seconds."""

    name: str
    tries: int
    median: float
    p90: float
    longest: float
    total: float
    chart: Markup


class DurationTable(NamedTuple):
    """Durations of all queues and kinds; their distributions have the same buckets."""

    rows: list[Durations]
    low: float
    high: float


def durations(store: Store, counts: Sequence[KindCount]) -> DurationTable | None:
    """Durations by queue and kind; None before the first attempt."""
    taken: dict[tuple[int, str], array[float]] = {}
    for phase, kind, seconds in store.reports.durations():
        taken.setdefault((phase, kind), array("d")).append(seconds)
    if not taken:
        return None
    ends = [end for values in taken.values() for end in (min(values), max(values))]
    edges = charts.edges_around(ends)
    names = {(count.phase, count.kind): count.name for count in counts}
    rows = [_durations(names.get(which, which[1]), taken[which], edges) for which in sorted(taken)]
    return DurationTable(rows, edges[0], edges[-1])


def _durations(name: str, values: array[float], edges: Sequence[float]) -> Durations:
    ordered = sorted(values)
    median, p90 = charts.median_and_p90(ordered)
    chart = charts.distribution(ordered, edges, f"durations of {name}, distribution")
    return Durations(name, len(ordered), median, p90, ordered[-1], sum(ordered), chart)


# -- workers ----------------------------------------------------------------------------------


class Timeline(NamedTuple):
    """A line for each worker: its attempts in time, and their outcomes."""

    run: int
    lines: list[tuple[int, Markup]]
    first: float
    last: float
    tries: int
    more_workers: int


def timeline(rows: Sequence[AttemptRow]) -> Timeline | None:
    """Attempts by worker; None where there are none."""
    if not rows:
        return None
    first = min(row.started_at for row in rows)
    last = max(row.started_at + row.seconds for row in rows)
    by_worker: dict[int, list[AttemptRow]] = {}
    for row in rows:
        by_worker.setdefault(row.worker, []).append(row)
    lines = [
        (worker, charts.strip([_span(row, first, last) for row in tries], f"worker {worker}"))
        for worker, tries in sorted(by_worker.items())
    ]
    more = max(0, len(lines) - WORKERS)
    return Timeline(rows[0].run, lines[:WORKERS], first, last, len(rows), more)


def _span(row: AttemptRow, first: float, last: float) -> Span:
    title = legible(f"{row.key}: {row.outcome}, {in_seconds(row.seconds)}")
    start, whole = row.started_at - first, (last - first) or 1
    return Span(start / whole, (start + row.seconds) / whole, row.outcome, title)


# -- spend ------------------------------------------------------------------------------------


class Spend(NamedTuple):
    """What a queue has spent, and its rate over time."""

    name: str
    spent: str
    share: Markup | None
    rate: str
    chart: Markup | None
    top: str
    first: float
    last: float


def spend(store: Store, queue: QueueState) -> Spend:
    """The spend of one queue."""
    changes = read_rate_changes(store, queue, RATE_CHANGES)
    points = [(change.at, change.per_second) for change in changes]
    facts = queue.name, spending(queue), _share(queue), _rate(queue)
    if not points:
        return Spend(*facts, None, "", 0.0, 0.0)
    chart = charts.steps(points, f"rate of {queue.name} over time")
    cut = f", the last {RATE_CHANGES} changes" if len(points) == RATE_CHANGES else ""
    top = f"{as_rate(max(rate for _, rate in points))} at most{cut}"
    return Spend(*facts, chart, top, points[0][0], points[-1][0])


def _share(queue: QueueState) -> Markup | None:
    """Draw the used share of the ceiling that is nearest."""
    ceilings = (
        (queue.money_spent, queue.money_ceiling),
        (queue.tokens_spent, queue.tokens_ceiling),
    )
    shares = [spent / most for spent, most in ceilings if most]
    if not shares:
        return None
    used = min(max(shares), 1.0)
    title = f"{used:.0%} of the budget spent"
    return charts.shares([Part(used, "plain", title), Part(1 - used, "free")], title)


def _rate(queue: QueueState) -> str:
    rate = rate_in_use(queue)
    if queue.rate is None or rate is None:
        return "no limit"
    full = as_rate(queue.rate)
    return full if queue.rate_factor >= 1 else f"{as_rate(rate)}, slowed down from {full}"
