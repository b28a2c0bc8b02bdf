"""What a run shows: its numbers are measured, and they fit the terminal."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from ledger.process.worker_state import WorkerState
from ledger.store.claims import KindCount
from ledger.text import duration, first_words, speed
from ledger.views import progress
from ledger.views.eta import Estimator, Forecast
from ledger.views.progress import (
    AtWork,
    JsonView,
    Meter,
    PlainView,
    Snapshot,
    View,
    make_view,
    opening,
    verdict,
)
from ledger.views.terminal import LiveView, panel

COUNTS = (
    KindCount(0, "embed", done=32),
    KindCount(1, "entry", done=31),
    KindCount(1, "rank-similar", done=31),
    KindCount(2, "similar", pending=4_000, running=200, done=3_595, failed=2),
    KindCount(2, "word", pending=150),
    KindCount(3, "different", pending=7_797),
)


def run_of(workers: int, /, **changes: Any) -> Snapshot:
    """A run in the middle, with that many workers at work."""
    rows = tuple(
        AtWork(number, "at work", f"similar/wisdom/{number:04}", number / 2, "The first 字 words")
        for number in range(1, workers + 1)
    )
    facts: dict[str, Any] = {
        "elapsed": 21.0, "counts": COUNTS, "workers": rows, "rate": 843.2, "worker_count": workers,
        "forecast": Forecast(70.0, ("different",)),
    }  # fmt: skip
    return Snapshot(**(facts | changes))


def drawn(snapshot: Snapshot, width: int = 80, height: int = 24) -> list[str]:
    """The lines that a terminal of that size would show, without the one for the cursor."""
    console = Console(
        width=width, height=height, record=True, file=io.StringIO(), color_system=None
    )
    console.print(panel(snapshot, console.size))
    return console.export_text().split("\n")[:-2]


# -- the panel ------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 12, 40])
@pytest.mark.parametrize(
    "size", [(80, 24), (120, 40), (60, 20), (60, 24), (40, 10), (20, 5), (80, 200)]
)
def test_panel_fits(size: tuple[int, int], workers: int) -> None:
    """Whatever the terminal, the panel is no wider and, with the cursor's line, no higher."""
    lines = drawn(run_of(workers), *size)

    assert len(lines) < size[1]
    assert all(cell_len(line) <= size[0] for line in lines)


def test_twelve_workers_on_24_rows() -> None:
    """Twelve workers all have their line on a terminal of 80 by 24, beside phases and total."""
    text = "\n".join(drawn(run_of(12)))

    assert all(f"similar/wisdom/{number:04}" in text for number in range(1, 13))
    assert all(word in text for word in ("embed", "similar  ", "word  ", "different", "total"))


def test_many_workers() -> None:
    """With more workers than lines the longest at their jobs are shown, and how many more."""
    text = "\n".join(drawn(run_of(40)))

    assert "similar/wisdom/0040" in text
    assert "similar/wisdom/0001" not in text
    assert "and 29 more" in text


def test_panel_keeps_its_height() -> None:
    """Workers that wait, start or have left leave their lines where they are."""
    idle = tuple(AtWork(number, "waiting") for number in range(1, 6))

    assert len(drawn(run_of(12, workers=idle))) == len(drawn(run_of(12)))


def test_failures_and_deaths_are_named() -> None:
    """Failed jobs stand by their kind and in the total; dead workers in the foot."""
    lines = drawn(run_of(12, deaths=2))

    assert [line.split()[0] for line in lines if line.endswith("2 failed")] == ["similar", "total"]
    assert "2 workers died" in lines[-1]


def test_nothing_is_full_before_it_is() -> None:
    """The share is rounded down: 7,796 of 7,797 is not 100 %."""
    counts = (KindCount(0, "similar", pending=1, done=7_796),)

    assert "99 %" in drawn(run_of(1, counts=counts))[0]


def test_long_keys_keep_both_ends() -> None:
    """Of a key that is too long the middle goes, since hashes begin and names end alike."""
    row = AtWork(1, "at work", "embed/" + "a" * 40 + "/the-end")

    line = next(line for line in drawn(run_of(1, workers=(row,))) if "the-end" in line)
    assert "embed/aaa" in line


@pytest.mark.parametrize(
    ("ending", "words"),
    [("interrupted", "Ctrl+C: at once"), ("failed", "a job failed"), ("", "not measured yet")],
)
def test_foot_says_what_goes_on(ending: str, words: str) -> None:
    """A run that is ending says so, and no longer how much is left."""
    lines = drawn(run_of(12, ending=ending))

    assert words in lines[-1]
    assert ("left" in lines[-2]) == (not ending)


def test_live_view_leaves_one_line() -> None:
    """At the end the panel is wiped, the cursor is shown, and the outcome stays."""
    console = Console(file=io.StringIO(), force_terminal=True, width=80, height=24)
    view = LiveView(io.StringIO(), console)
    view.show(run_of(3))
    view.finish(run_of(3, ending="interrupted"))

    output = console.file.getvalue()  # type: ignore[attr-defined]
    assert output.count("\x1b[?25l") == output.count("\x1b[?25h") == 1
    assert "interrupted: " in output.rpartition("\x1b[?25h")[2]


def test_no_colour() -> None:
    """NO_COLOR is obeyed: styles may stay, colours may not."""
    console = Console(
        file=io.StringIO(), force_terminal=True, _environ={"NO_COLOR": "1", "TERM": "xterm"}
    )
    console.print(panel(run_of(3), console.size))

    assert "\x1b[3" not in console.file.getvalue().replace("\x1b[3m", "")  # type: ignore[attr-defined]


# -- measuring ------------------------------------------------------------------------------


def paced(looks: list[tuple[float, int]], *, total: int = 1_000, workers: int = 1) -> Estimator:
    """A pace that saw these counts of one kind at these moments."""
    pace = Estimator(workers)
    for now, done in looks:
        pace.look(now, (KindCount(0, "page", pending=total - done, done=done),), ["page"])
    return pace


def left(kind: str, jobs: int, phase: int = 0) -> KindCount:
    """That many jobs of a kind are left."""
    return KindCount(phase, kind, pending=jobs)


def test_rate_of_a_resumed_run() -> None:
    """Jobs that were done before the run are not counted as its work."""
    assert paced([(0, 900), (10, 920)]).rate == 2.0


def test_no_rate_without_jobs() -> None:
    """Before a job is settled there is neither a rate nor an estimate."""
    pace = paced([(0, 0), (30, 0)])

    assert pace.rate is None
    assert pace.forecast((left("page", 5),)) is None


def test_rate_slides() -> None:
    """The rate is that of the last seconds."""
    looks = [(second, second * 100) for second in range(11)]
    looks += [(10 + second, 1_000 + second * 10) for second in range(1, 21)]

    assert paced(looks).rate == pytest.approx(10)


def test_rate_of_slow_jobs() -> None:
    """Where jobs take longer than the window, it reaches back over some jobs."""
    assert paced([(60 * job, job) for job in range(31)]).rate == pytest.approx(1 / 60)


def test_rate_of_a_run_that_hangs() -> None:
    """The rate falls while nothing is settled."""
    assert paced([(0, 0), (10, 100), (100, 100)]).rate == pytest.approx(1)


def test_forecast_by_kind() -> None:
    """What is left of each kind is multiplied by what that kind took, not by one rate."""
    pace = Estimator(1)
    for now, slow, quick in [(0, 0, 0), (10, 10, 0), (20, 10, 1_000)]:
        counts = (KindCount(0, "slow", done=slow), KindCount(0, "quick", done=quick))
        pace.look(now, counts, ["slow" if now <= 10 else "quick"])

    forecast = pace.forecast((left("slow", 5), left("quick", 100)))
    assert forecast == Forecast(pytest.approx(6.0))


def test_forecast_shares_the_time() -> None:
    """Kinds that are in hand together share the time by the workers at each."""
    pace = Estimator(1)
    pace.look(0, (left("a", 99), left("b", 99)), [])
    pace.look(40, (KindCount(0, "a", done=30), KindCount(0, "b", done=10)), ["a", "a", "a", "b"])

    assert pace.forecast((left("a", 7),)) == Forecast(pytest.approx(7.0))
    assert pace.forecast((left("b", 7),)) == Forecast(pytest.approx(7.0))


def test_forecast_names_what_it_does_not_know() -> None:
    """Kinds not yet measured make the estimate a lower bound."""
    forecast = paced([(0, 0), (10, 10)]).forecast((left("page", 60), left("word", 3, phase=1)))

    assert forecast == Forecast(pytest.approx(60), ("word",))
    assert str(forecast) == "at least 1 min 00 s left"


def test_forecast_waits_for_every_worker() -> None:
    """A few early jobs of many workers say nothing yet."""
    assert paced([(0, 0), (10, 3)], workers=12).forecast((left("page", 60),)) is None


def test_forecast_ends_at_failed_jobs() -> None:
    """What comes after a phase with failed jobs is not built, so it takes no time."""
    failed = KindCount(0, "page", pending=60, failed=1)
    forecast = paced([(0, 0), (10, 10)]).forecast((failed, left("word", 3, phase=1)))

    assert forecast == Forecast(pytest.approx(60))


def test_resting_counts() -> None:
    """Pauses between claims belong to the kind that is being built."""
    pace = paced([(0, 0), (10, 10)])
    pace.look(20, (KindCount(0, "page", pending=980, done=20),), [])

    assert pace.forecast((left("page", 30),)) == Forecast(pytest.approx(30))


# -- snapshots of a supervisor ----------------------------------------------------------------


class FakeRun:
    """As much of a supervisor as a view reads."""

    def __init__(self, folder: Any, *counts: KindCount) -> None:
        self.project = SimpleNamespace(state=folder)
        self.store = SimpleNamespace()
        self.counts, self.spending = lambda: list(counts), lambda: ()
        self.worker_count, self.keeps_going, self.throttled = 2, False, None
        self.children = [SimpleNamespace(number=2, id=20), SimpleNamespace(number=1, id=None)]
        self.deaths, self.interrupted = 0, False
        self.worker_id = lambda child: child.id


def test_meter_reads_slots(tmp_path: Any) -> None:
    """A worker's line says what its slot says, on one line; one without a slot is starting."""
    slot = WorkerState(tmp_path / "workers", 20)
    slot.enter(SimpleNamespace(id=5, name="entry/a\x1bb"))  # type: ignore[arg-type]
    first, second = Meter().snapshot(FakeRun(tmp_path)).workers  # type: ignore[arg-type]

    assert (first.worker, first.state) == (1, "starting")
    assert (second.worker, second.state, second.job) == (2, "at work", "entry/a b")


def test_worker_between_jobs_is_not_waiting(tmp_path: Any) -> None:
    """In the moment in which it settles, a worker keeps the line it had."""
    slot, meter, run = WorkerState(tmp_path / "workers", 20), Meter(), FakeRun(tmp_path)
    slot.enter(SimpleNamespace(id=5, name="entry/a"))  # type: ignore[arg-type]
    before = meter.snapshot(run).workers[1]  # type: ignore[arg-type]
    slot.leave()

    assert meter.snapshot(run).workers[1] == before  # type: ignore[arg-type]


def test_killing_at_ctrl_c_is_no_death(tmp_path: Any) -> None:
    """Workers that the user stopped are not reported as dead."""
    meter, run = Meter(), FakeRun(tmp_path)
    run.deaths = 1
    meter.snapshot(run)  # type: ignore[arg-type]
    run.deaths, run.interrupted = 3, True
    after = meter.snapshot(run)  # type: ignore[arg-type]

    assert (after.deaths, after.ending) == (1, "interrupted")


def test_first_look_is_not_the_runs_work(tmp_path: Any) -> None:
    """What was done before is told apart from what this run settles."""
    meter = Meter()
    meter.snapshot(FakeRun(tmp_path, KindCount(0, "page", pending=10, done=90)))  # type: ignore[arg-type]
    after = meter.snapshot(FakeRun(tmp_path, KindCount(0, "page", pending=4, done=96)))  # type: ignore[arg-type]

    assert (after.before, after.settled, after.left) == (90, 6, 4)


# -- lines ----------------------------------------------------------------------------------


def test_json_lines() -> None:
    """Every line is one object with the numbers of the run."""
    stream = io.StringIO()
    view = JsonView(stream)
    view.show(run_of(2))
    view.finish(run_of(2, rate=None, forecast=None))

    first, last = map(json.loads, stream.getvalue().splitlines())
    assert (first["done"], first["failed"], first["remaining"]) == (3_689, 2, 70.0)
    assert first["workers"][1]["job"] == "similar/wisdom/0002"
    assert (last["rate"], last["remaining"]) == (None, None)


def test_plain_lines() -> None:
    """A line to begin with, one a moment, one to end with."""
    stream = io.StringIO()
    view = PlainView(stream)
    view.show(run_of(2, elapsed=0.0, rate=None, forecast=None))
    view.show(run_of(2))
    view.finish(run_of(2))

    first, middle, last = stream.getvalue().splitlines()
    assert "to build with 2 workers" in first
    assert "843 jobs/s  at least 1 min 10 s left  at similar" in middle
    assert last.startswith("2 failed: 3,689 of 15,838 jobs done; in 21 s")


def test_reader_that_left(tmp_path: Any) -> None:
    """A pipe that nobody reads any more does not stop the run."""

    class Closed(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    view, run = PlainView(Closed()), FakeRun(tmp_path)
    view(run)  # type: ignore[arg-type]
    view.close(run)  # type: ignore[arg-type]


def test_verdicts() -> None:
    """The last line says how it ended, and what this run had to do with it."""
    done = (KindCount(0, "page", done=100),)

    assert (
        verdict(Snapshot(10.0, done, before=80))
        == "all done: 100 jobs; 20 of them in 10 s, 2.0 jobs/s"
    )
    assert (
        verdict(Snapshot(0.1, done, before=100)) == "all done: 100 jobs; nothing built in this run"
    )
    assert verdict(run_of(2, ending="interrupted")).startswith("interrupted: 3,689 of 15,838 jobs")
    assert opening(Snapshot(0.0, (left("page", 5),))) == "5 to build with 1 worker"


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (843.2, "843 jobs/s"),
        (2, "2.0 jobs/s"),
        (0.5, "30 jobs/min"),
        (1 / 600, "6.0 jobs/h"),
        (0, "0.0 jobs/h"),
    ],
)
def test_speed(rate: float, text: str) -> None:
    """Rates are said in the unit that reads well."""
    assert speed(rate) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59.6, "1 min 00 s"), (3_720, "1 h 02 min")]
)
def test_duration(seconds: float, text: str) -> None:
    """Seconds are said as a person says them."""
    assert duration(seconds) == text


def test_first_words() -> None:
    """A document cannot send the terminal anything but its words."""
    assert first_words("  One\n\ttwo \x1b]0;title\x07 three") == "One two  ]0;title  three"


# -- the choice -----------------------------------------------------------------------------


def chosen(monkeypatch: pytest.MonkeyPatch, *, tty: bool, term: str, **options: bool) -> type:
    """The class of the view for such a terminal."""
    stream = SimpleNamespace(isatty=lambda: tty, encoding="utf-8", write=None, flush=None)
    monkeypatch.setattr(progress.sys, "stderr", stream)
    monkeypatch.setenv("TERM", term)
    return type(make_view(**({"quiet": False, "as_json": False} | options)))


@pytest.mark.parametrize(
    ("tty", "term", "options", "view"),
    [
        (True, "xterm", {}, LiveView),
        (True, "dumb", {}, PlainView),
        (False, "xterm", {}, PlainView),
        (True, "xterm", {"as_json": True}, JsonView),
        (True, "xterm", {"quiet": True}, View),
    ],
)
def test_choice_of_view(
    monkeypatch: pytest.MonkeyPatch, tty: bool, term: str, options: dict[str, bool], view: type
) -> None:
    """Live on a terminal that can redraw, else lines; JSON or nothing when asked for."""
    assert chosen(monkeypatch, tty=tty, term=term, **options) is view
