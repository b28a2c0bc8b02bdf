"""The live view: it fits the terminal, and nothing in it jumps."""

from __future__ import annotations

import io

import pytest
from rich.cells import cell_len
from rich.console import Console
from views.runs import run_of

from ledger.store.reports import KindCount
from ledger.views.snapshot import AtWork, Snapshot
from ledger.views.terminal import LiveView, panel


def drawn(snapshot: Snapshot, width: int = 80, height: int = 24) -> list[str]:
    """The lines that a terminal of that size would show, without the one for the cursor."""
    console = Console(
        width=width, height=height, record=True, file=io.StringIO(), color_system=None
    )
    console.print(panel(snapshot, console.size))
    return console.export_text().split("\n")[:-2]


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


def test_ctrl_c_of_a_watcher() -> None:
    """Who watches another process's run is not told that Ctrl+C stops it."""
    own, remote = (run_of(1, forecast=None, remote=remote) for remote in (False, True))

    assert "Ctrl+C stops" in drawn(own)[-1]
    assert "the run continues" in drawn(remote)[-1]


def test_live_view_leaves_one_line() -> None:
    """At the end the panel is wiped, the cursor is shown, and the outcome stays."""
    console = Console(file=io.StringIO(), force_terminal=True, width=80, height=24)
    view = LiveView(io.StringIO(), console=console)
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
