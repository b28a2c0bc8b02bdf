"""Snapshots of a run: of this process's own, and of another's."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from views.runs import FakeRun

from ledger.process.worker_state import WorkerState
from ledger.store.reports import KindCount
from ledger.views.meter import Meter


def test_meter_reads_worker_states(tmp_path: Any) -> None:
    """A worker's line says what its state file says; one without a state file is starting."""
    state = WorkerState(tmp_path / "workers", 20)
    state.enter(SimpleNamespace(id=5, name="entry/a\x1bb"))  # type: ignore[arg-type]
    first, second = Meter().snapshot(FakeRun(tmp_path)).workers  # type: ignore[arg-type]

    assert (first.worker, first.state) == (1, "starting")
    assert (second.worker, second.state, second.job) == (2, "at work", "entry/a b")


def test_worker_between_jobs_is_not_waiting(tmp_path: Any) -> None:
    """In the moment in which it settles, a worker keeps the line it had."""
    state, meter, run = WorkerState(tmp_path / "workers", 20), Meter(), FakeRun(tmp_path)
    state.enter(SimpleNamespace(id=5, name="entry/a"))  # type: ignore[arg-type]
    before = meter.snapshot(run).workers[1]  # type: ignore[arg-type]
    state.leave()

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
