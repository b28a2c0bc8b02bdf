"""The rate and the time left are measured, kind by kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.store.reports import KindCount
from ledger.views.eta import Estimator, Forecast, Measured, read_measured, write_measured


def looked(looks: list[tuple[float, int]], *, total: int = 1_000, workers: int = 1) -> Estimator:
    """An estimator that saw these counts of one kind at these moments."""
    estimator = Estimator(workers)
    for now, done in looks:
        estimator.look(now, (KindCount(0, "page", pending=total - done, done=done),), ["page"])
    return estimator


def left(kind: str, jobs: int, phase: int = 0) -> KindCount:
    """That many jobs of a kind are left."""
    return KindCount(phase, kind, pending=jobs)


def test_rate_of_a_resumed_run() -> None:
    """Jobs that were done before the run are not counted as its work."""
    assert looked([(0, 900), (10, 920)]).measured.rate == 2.0


def test_no_rate_without_jobs() -> None:
    """Before a job is settled there is neither a rate nor an estimate."""
    estimator = looked([(0, 0), (30, 0)])

    assert estimator.measured.rate is None
    assert estimator.measured.forecast((left("page", 5),)) is None


def test_rate_slides() -> None:
    """The rate is that of the last seconds."""
    looks = [(second, second * 100) for second in range(11)]
    looks += [(10 + second, 1_000 + second * 10) for second in range(1, 21)]

    assert looked(looks).measured.rate == pytest.approx(10)


def test_rate_of_slow_jobs() -> None:
    """Where jobs take longer than the window, it reaches back over some jobs."""
    assert looked([(60 * job, job) for job in range(31)]).measured.rate == pytest.approx(1 / 60)


def test_rate_of_a_run_that_hangs() -> None:
    """The rate falls while nothing is settled."""
    assert looked([(0, 0), (10, 100), (100, 100)]).measured.rate == pytest.approx(1)


def test_forecast_by_kind() -> None:
    """What is left of each kind is multiplied by what that kind took, not by one rate."""
    estimator = Estimator(1)
    for now, slow, quick in [(0, 0, 0), (10, 10, 0), (20, 10, 1_000)]:
        counts = (KindCount(0, "slow", done=slow), KindCount(0, "quick", done=quick))
        estimator.look(now, counts, ["slow" if now <= 10 else "quick"])

    forecast = estimator.measured.forecast((left("slow", 5), left("quick", 100)))
    assert forecast == Forecast(pytest.approx(6.0))


def test_forecast_shares_the_time() -> None:
    """Kinds that are in flight together share the time by the workers at each."""
    estimator = Estimator(1)
    estimator.look(0, (left("a", 99), left("b", 99)), [])
    estimator.look(
        40, (KindCount(0, "a", done=30), KindCount(0, "b", done=10)), ["a", "a", "a", "b"]
    )

    assert estimator.measured.forecast((left("a", 7),)) == Forecast(pytest.approx(7.0))
    assert estimator.measured.forecast((left("b", 7),)) == Forecast(pytest.approx(7.0))


def test_forecast_names_what_it_does_not_know() -> None:
    """Kinds not yet measured make the estimate a lower bound."""
    forecast = looked([(0, 0), (10, 10)]).measured.forecast(
        (left("page", 60), left("word", 3, phase=1))
    )

    assert forecast == Forecast(pytest.approx(60), ("word",))
    assert str(forecast) == "at least 1 min 00 s left"


def test_forecast_waits_for_every_worker() -> None:
    """A few early jobs of many workers say nothing yet."""
    assert looked([(0, 0), (10, 3)], workers=12).measured.forecast((left("page", 60),)) is None


def test_forecast_ends_at_failed_jobs() -> None:
    """What comes after a phase with failed jobs is not built, so it takes no time."""
    failed = KindCount(0, "page", pending=60, failed=1)
    forecast = looked([(0, 0), (10, 10)]).measured.forecast((failed, left("word", 3, phase=1)))

    assert forecast == Forecast(pytest.approx(60))


def test_resting_counts() -> None:
    """Pauses between claims belong to the kind that is being built."""
    estimator = looked([(0, 0), (10, 10)])
    estimator.look(20, (KindCount(0, "page", pending=980, done=20),), [])

    assert estimator.measured.forecast((left("page", 30),)) == Forecast(pytest.approx(30))


# -- for other processes --------------------------------------------------------------------


def test_another_process_reads_the_same(tmp_path: Path) -> None:
    """What one process has measured another reads, with the same time left."""
    measured = looked([(0, 0), (10, 15)]).measured
    write_measured(tmp_path / "measured.json", 7, measured)
    read = read_measured(tmp_path / "measured.json", 7)

    assert read == measured
    assert read.forecast((left("page", 30),)) == Forecast(pytest.approx(20))


def test_what_another_run_measured_counts_for_nothing(tmp_path: Path) -> None:
    """Another run had other workers, and perhaps another machine."""
    write_measured(tmp_path / "measured.json", 7, Measured(2.0, {"page": 0.5}))

    assert read_measured(tmp_path / "measured.json", 8) == Measured()


@pytest.mark.parametrize("text", ["", "[1]", "{}", '{"run": 7, "rate": "x", "seconds": []}'])
def test_a_damaged_file_measures_nothing(tmp_path: Path, text: str) -> None:
    """A file cut short or written by another program is no reason for `status` to fail."""
    (tmp_path / "measured.json").write_text(text)

    assert read_measured(tmp_path / "measured.json", 7) == Measured()


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    """The file is written inside the state folder, whatever lies there."""
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "measured.json.new").symlink_to("mine")
    write_measured(tmp_path / "measured.json", 7, Measured())

    assert (tmp_path / "mine").read_text() == "mine"
