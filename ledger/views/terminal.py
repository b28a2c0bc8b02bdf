"""The live view of a run on a terminal: bars, a line for every worker, and how much longer.

The panel is drawn by the supervisor's own tick, without a thread, on standard error. Its
lines have fixed places and it is never higher than the terminal, so nothing jumps.
"""

from __future__ import annotations

import atexit
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple, TextIO

from rich.cells import cell_len, set_cell_size
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from ledger.text import counted, duration, speed
from ledger.views.format import in_seconds
from ledger.views.outcome import verdict
from ledger.views.plain import opening
from ledger.views.spending import spending_of
from ledger.views.view import View

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import ConsoleDimensions

    from ledger.store.reports import KindCount
    from ledger.views.meter import Meter
    from ledger.views.snapshot import AtWork, Snapshot

WORKER_LINES = 12
FEWEST_WORKER_LINES = 3
BLANK = Text("")


class LiveView(View):
    """Draws the run again and again in the same place; leaves one line behind."""

    every = 0.25

    def __init__(
        self, stream: TextIO, meter: Meter | None = None, console: Console | None = None
    ) -> None:
        super().__init__(meter)
        self._console = console or Console(file=stream, highlight=False)
        self._live: Live | None = None
        self._size = self._console.size
        self._begun = False

    def show(self, snapshot: Snapshot) -> None:
        """Draw one moment."""
        if not self._begun:
            self._console.print(Text(opening(snapshot)))
            self._begun = True
        if self._console.size != self._size:
            self._restart()
        if self._live is None:
            self._live = self._start()
        self._live.update(panel(snapshot, self._console.size), refresh=True)

    def finish(self, snapshot: Snapshot) -> None:
        """Wipe the panel and print how the run ended."""
        self._stop()
        self._console.print(Text(verdict(snapshot), _verdict_style(snapshot)))

    def _start(self) -> Live:
        live = Live(
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        live.start()
        # If an error ends the program, the panel stays as it was and the cursor comes back.
        atexit.register(self._console.show_cursor, True)
        return live

    def _restart(self) -> None:
        """Clear a terminal whose size has changed: it has folded the lines in its own way."""
        self._size = self._console.size
        self._stop()
        self._console.clear()

    def _stop(self) -> None:
        live, self._live = self._live, None
        if live is not None:
            live.stop()
            atexit.unregister(self._console.show_cursor)


# -- the panel ------------------------------------------------------------------------------


def panel(snapshot: Snapshot, size: ConsoleDimensions) -> Group:
    """Draw the run so that it fits a terminal of this size."""
    foot = _foot(snapshot, size.width)
    room = max(0, size.height - 1 - len(foot))
    workers = min(snapshot.worker_count, WORKER_LINES)
    above = _phases(snapshot, size.width, room - workers)
    if room - len(above) < min(workers, FEWEST_WORKER_LINES):
        above = []
    below = _worker_lines(snapshot, size.width, min(workers, room - len(above)))
    spare = room - len(above) - len(below)
    gap = [BLANK] if spare > 1 and above else []
    # The cursor rests on the empty last line, for ^C and error messages to begin on.
    parts = [above, gap, below, [BLANK] if spare else [], foot, [BLANK]]
    return Group(*(line for part in parts for line in part))


def _phases(snapshot: Snapshot, width: int, room: int) -> list[Text]:
    """Draw the phases in as much detail as there is room for: finished, present, to come."""
    counts = [count for count in snapshot.counts if count.total]
    phases = [list(group) for _, group in groupby(counts, key=lambda count: count.stage)]
    finished = [phase for phase in phases if all(_is_settled(count) for count in phase)]
    others = [phase for phase in phases if phase not in finished]
    present, later = others[:1], others[1:]
    columns = _columns(snapshot, width)
    bars = [_kind(count, columns) for phase in present for count in phase]
    one_by_one = [_past([phase], width) for phase in finished]
    together = [_past(finished, width)] if finished else []
    kinds = [_future([[count]], width) for phase in later for count in phase]
    coming = [_future([phase], width) for phase in later]
    tight = [*together, *bars, *([_future(later, width)] if later else [])]
    choices = [*one_by_one, *bars, *kinds], [*together, *bars, *coming]
    return next((lines for lines in choices if len(lines) <= room - 2), tight)


def _is_settled(count: KindCount) -> bool:
    return count.done + count.failed == count.total


def _past(phases: Sequence[Sequence[KindCount]], width: int) -> Text:
    counts = [count for phase in phases for count in phase]
    failed = sum(count.failed for count in counts)
    line = Text.assemble(("✗ ", "red") if failed else ("✓ ", "green"))
    line.append(f"{sum(count.done for count in counts):>9,} done     ", "dim")
    if failed:
        line.append(f"{_failed(failed)}  ", "red")
    return _cut(line.append(_names(phases), "dim"), width)


def _future(phases: Sequence[Sequence[KindCount]], width: int) -> Text:
    jobs = sum(count.total - count.done for phase in phases for count in phase)
    return _cut(Text(f"  {jobs:>9,} to come  {_names(phases)}", "dim"), width)


def _names(phases: Iterable[Iterable[KindCount]]) -> str:
    return " › ".join(", ".join(count.name for count in phase) for phase in phases)


def _kind(count: KindCount, columns: _Columns) -> Text:
    started = count.running or count.done or count.failed
    name = Text(count.name, "" if started else "dim")
    return _bar(name, count.done, count.failed, count.total, columns)


class _Columns(NamedTuple):
    """Widths in cells, the same for every bar of a picture."""

    width: int
    name: int
    numbers: int
    failed: int


def _columns(snapshot: Snapshot, width: int) -> _Columns:
    names = max((len(count.name) for count in snapshot.counts if count.total), default=0)
    return _Columns(
        width=width,
        name=min(max(names, len("total")), width // 4),
        numbers=2 * len(f"{snapshot.total:,}") + len(" of "),
        failed=len(_failed(snapshot.failed)),
    )


def _bar(name: Text, done: int, failed: int, total: int, columns: _Columns) -> Text:
    """`name ━━━━━━━──── done of total`, with the failed ones in red."""
    share = f"{100 * (done + failed) // total if total else 100} %"
    numbers = f"{done:,} of {total:,}".rjust(columns.numbers)
    tail = f" {numbers} {share:>5}"
    gap = 1 + (columns.failed + 1 if columns.failed else 0)
    length = max(0, columns.width - 2 - columns.name - 1 - len(tail) - gap)
    full = length * (done + failed) // total if total else length
    name.truncate(columns.name, overflow="ellipsis", pad=True)
    line = Text("  ").append_text(name).append(" ")
    line.append("━" * full, "cyan" if full < length else "green")
    line.append("─" * (length - full), "bright_black").append(tail)
    if failed:
        line.append(f" {_failed(failed):>{columns.failed}}", "red")
    return _cut(line, columns.width)


def _failed(number: int) -> str:
    return f"{number:,} failed" if number else ""


# -- workers --------------------------------------------------------------------------------


def _worker_lines(snapshot: Snapshot, width: int, room: int) -> list[Text]:
    """A line for every worker; where there is no room for all, the longest at their jobs."""
    if room <= 0:
        return []
    there = {worker.worker: worker for worker in snapshot.workers}
    if snapshot.worker_count <= room:
        return [
            _worker(number, there.get(number), width)
            for number in range(1, snapshot.worker_count + 1)
        ]
    longest = sorted(there.values(), key=_longest_first)[: room - 1]
    shown = sorted(longest, key=lambda worker: worker.worker)
    lines = [_worker(row.worker, row, width) for row in shown]
    lines += [BLANK] * (room - 1 - len(lines))
    more = len(there) - len(shown)
    return [*lines, Text(f"   and {more:,} more" if more > 0 else "", "dim")]


def _longest_first(worker: AtWork) -> tuple[int, int]:
    """In whole seconds, so that the same ones stay where all are quick."""
    return (-int(worker.seconds) if worker.job else 1, worker.worker)


def _worker(number: int, worker: AtWork | None, width: int) -> Text:
    line = Text.assemble((f"{number:3} ", "dim"))
    if worker is None or not worker.job:
        return _cut(line.append("has left" if worker is None else worker.state, "dim"), width)
    job = _shortened(worker.job, max(16, min(40, width * 2 // 5)))
    line.append(job).append(f" {in_seconds(worker.seconds):>11}  ", "dim")
    return _cut(line.append(worker.snippet, "italic"), width)


def _shortened(name: str, width: int) -> str:
    """`name` in that many cells; what is too long loses its middle: the ends tell jobs apart."""
    if cell_len(name) > width:
        name = f"{name[: width // 2]}…{name[-((width - 1) // 2) :]}"
    return set_cell_size(name, width)


# -- the foot -------------------------------------------------------------------------------


def _foot(snapshot: Snapshot, width: int) -> list[Text]:
    """The total; the rate and the time; and one note."""
    columns = _columns(snapshot, width)
    name = Text("total", "bold")
    total = _bar(name, snapshot.done, snapshot.failed, snapshot.total, columns)
    return [total, _cut(_rate_line(snapshot), width), _cut(_note(snapshot), width)]


def _rate_line(snapshot: Snapshot) -> Text:
    parts = [speed(snapshot.rate) if snapshot.rate is not None else "no rate yet"]
    parts.append(f"{duration(snapshot.elapsed)} so far")
    if snapshot.forecast and not snapshot.ending:
        parts.append(str(snapshot.forecast))
    parts += spending_of(snapshot.queues)
    return Text("  " + "  ·  ".join(parts))


def _note(snapshot: Snapshot) -> Text:
    line = Text("  ")
    if snapshot.deaths:
        line.append(f"{counted(snapshot.deaths, 'worker')} died", "red").append("  ·  ")
    if snapshot.ending == "interrupted":
        line.append("stopping after the jobs in flight (Ctrl+C: at once)", "yellow")
    elif snapshot.ending == "failed":
        line.append("a job failed: stopping after the jobs in flight", "red")
    elif snapshot.waits_for:
        line.append(f"nothing new begins: {snapshot.waits_for}", "yellow")
    elif snapshot.forecast and snapshot.forecast.unmeasured:
        line.append(f"not measured yet: {', '.join(snapshot.forecast.unmeasured)}", "dim")
    elif snapshot.remote:
        line.append("Ctrl+C ends this view; the run continues", "dim")
    else:
        line.append("Ctrl+C stops after the jobs in flight; nothing is lost", "dim")
    return line


def _verdict_style(snapshot: Snapshot) -> str:
    if snapshot.ending == "interrupted":
        return "yellow"
    if snapshot.failed:
        return "red"
    return "yellow" if snapshot.left else "green"


def _cut(line: Text, width: int) -> Text:
    line.truncate(max(0, width - 1), overflow="ellipsis")
    line.no_wrap = True
    return line
