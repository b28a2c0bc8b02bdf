"""Lines for logs, pipes and programs."""

from __future__ import annotations

import io
import json

from views.runs import run_of

from ledger.store.reports import KindCount
from ledger.views.plain import JsonView, PlainView, opening
from ledger.views.snapshot import Snapshot


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


def test_opening() -> None:
    """The first line says how much there is to do, and with how many workers."""
    assert opening(Snapshot(0.0, (KindCount(0, "page", pending=5),))) == "5 to build with 1 worker"
