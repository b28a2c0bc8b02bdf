"""The end of a run, in words."""

from __future__ import annotations

import pytest
from views.runs import run_of

from ledger.store.reports import KindCount
from ledger.views.outcome import remedies, verdict
from ledger.views.snapshot import Snapshot


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


def test_parked_jobs_are_not_called_failed() -> None:
    """They are counted apart, in the verdict and in what there is to type."""
    counts = (KindCount(1000, "command", done=1, failed=3, queue="pay"),)

    assert verdict(Snapshot(1.0, counts, parked=1)).startswith("2 failed, 1 parked: 1 of 4 jobs")
    assert verdict(Snapshot(1.0, counts, parked=3)).startswith("3 parked: ")


@pytest.mark.parametrize(
    ("failed", "parked", "lines"),
    [
        (0, 0, []),
        (1, 0, ["1 job failed; after the fix: ledger retry --failed && ledger spawn"]),
        (2, 0, ["2 jobs failed; after the fix: ledger retry --failed && ledger spawn"]),
    ],
)
def test_remedies_of_failures(failed: int, parked: int, lines: list[str]) -> None:
    """The plural is by the number, and without a failure nothing is said."""
    assert [line.strip() for line in remedies(failed, parked)] == lines


def test_remedies_of_parked_jobs() -> None:
    """They are put back by `--uncertain` alone."""
    (line,) = remedies(0, 1)

    assert "1 job parked" in line
    assert "retry --uncertain" in line
    assert "retry --failed" not in line
