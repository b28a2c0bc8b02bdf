"""Claiming: what is taken, in which order, and when there is nothing to take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ledger.store.eligibility import POLL_SECONDS, Outlook

if TYPE_CHECKING:
    from conftest import Ledger


def test_jobs_come_by_falling_priority_then_as_planned(ledger: Ledger) -> None:
    """The order is priority, then plan order, though RETURNING has none."""
    priorities = [0, 5, 9, 5, 9, 7]
    ledger.plan([ledger.job(key, priority=p) for key, p in enumerate(priorities)])

    assert ["2", "4", "5", "1", "3", "0"] == ledger.keys()


def test_the_highest_priorities_are_taken_first(ledger: Ledger) -> None:
    """A limited claim takes the first jobs in that order, not just any."""
    ledger.plan([ledger.job(key, priority=key) for key in range(6)])

    assert ["5", "4"] == ledger.keys(limit=2)


@pytest.mark.parametrize(("limit", "expected"), [(1, 1), (3, 3), (5, 5), (9, 5)])
def test_a_claim_takes_up_to_its_limit(ledger: Ledger, limit: int, expected: int) -> None:
    """No more than the limit is taken, and no more than there is."""
    ledger.plan(5)

    assert expected == len(ledger.keys(limit))


def test_a_claim_says_all_about_its_jobs(ledger: Ledger) -> None:
    """A claimed job has the payload it was planned with, and counts attempts from 1."""
    ledger.plan([ledger.job("a", payload={"ü": [1, None]}, fingerprint="abc")])

    (job,) = ledger.claim().jobs

    assert ("page/a", "abc", {"ü": [1, None]}, 1, 3) == (
        job.name, job.fingerprint, job.payload, job.attempt, job.max_attempts,
    )  # fmt: skip


def test_nothing_is_claimed_twice(ledger: Ledger) -> None:
    """Claims of many workers together hold every job once."""
    ledger.plan(10)

    taken = [key for _ in range(4) for key in ledger.keys(limit=3)]

    assert [str(n) for n in range(10)] == sorted(taken)


def test_an_empty_ledger_gives_nothing(ledger: Ledger) -> None:
    """Without jobs there is no claim, and the run is over."""
    assert (None, Outlook(over=True, wait=0.0)) == (ledger.take(), ledger.store.outlook(ledger.run))


def test_a_claim_of_nothing_leaves_no_lease(ledger: Ledger) -> None:
    """A worker that got nothing holds nothing."""
    ledger.plan(1)
    ledger.claim()

    assert (None, 1) == (ledger.take(), ledger.store.live_leases())


def test_an_idle_claim_writes_nothing(ledger: Ledger) -> None:
    """Asking in vain, when the run is over, takes no lock and changes no row."""
    before = ledger.everything()
    ledger.store.connection.execute("PRAGMA query_only = ON")

    assert ledger.take(worker=1) is None
    assert before == ledger.everything()


class TestPhases:
    """A later phase begins when every job of the earlier ones is done."""

    @pytest.fixture(autouse=True)
    def _planned(self, ledger: Ledger) -> None:
        ledger.plan([ledger.job("late", phase=1, priority=9), ledger.job("a"), ledger.job("b")])

    def test_a_later_phase_waits(self, ledger: Ledger) -> None:
        """Priority does not lift a job over its phase."""
        assert ["a", "b"] == ledger.keys()

    def test_a_later_phase_waits_for_running_jobs(self, ledger: Ledger) -> None:
        """What others still do counts as not done; there will be more later."""
        ledger.claim(limit=2)

        assert [] == ledger.keys()
        assert Outlook(over=False, wait=POLL_SECONDS) == ledger.store.outlook(ledger.run)

    def test_a_later_phase_begins_when_the_earlier_is_done(self, ledger: Ledger) -> None:
        """When all is done the next phase is claimable."""
        ledger.finish()

        assert ["late"] == ledger.keys()

    def test_a_fused_claim_reaches_into_the_next_phase(self, ledger: Ledger) -> None:
        """Settling the last job of a phase may claim the first of the next in one breath."""
        claim = ledger.settle(ledger.claim(limit=2), then=4)

        assert claim
        assert ["late"] == [job.key for job in claim.jobs]

    def test_a_failed_earlier_phase_blocks(self, ledger: Ledger) -> None:
        """Over a failed job nothing later is built, even by a run that keeps going."""
        ledger.settle(ledger.claim(), "failed")
        ledger.finish()

        assert [] == ledger.keys()
        assert ledger.store.outlook(ledger.run).over

    def test_a_failure_does_not_block_its_own_phase(self, ledger: Ledger) -> None:
        """A run that keeps going does the rest of the phase."""
        ledger.settle(ledger.claim(), "failed")

        assert ["b"] == ledger.keys()


class TestRuns:
    """A run that is ending gives nothing out."""

    def test_a_stopping_run_gives_nothing(self, ledger: Ledger) -> None:
        """After stop_run there are no new claims."""
        ledger.plan(2)
        ledger.store.stop_run(ledger.run)

        assert (None, True) == (ledger.take(), ledger.store.outlook(ledger.run).over)

    def test_an_ended_run_gives_nothing(self, ledger: Ledger) -> None:
        """A worker that outlived its run gets no more work."""
        ledger.plan(2)
        ledger.store.end_run(ledger.run, "done")

        assert ledger.take() is None

    def test_a_new_run_ends_the_abandoned_one(self, ledger: Ledger) -> None:
        """The workers of a coordinator that was killed get nothing once another began."""
        ledger.plan(2)
        old = ledger.run
        ledger.start_run(keep_going=True)

        assert ledger.store.claim(old, ledger.worker(), 1, ledger.LEASE) is None

    def test_an_unknown_run_gives_nothing(self, ledger: Ledger) -> None:
        """A run that was never started counts as over."""
        ledger.plan(1)

        assert ledger.store.claim(99, ledger.worker(), 1, ledger.LEASE) is None

    def test_a_stopping_run_settles_but_claims_nothing_more(self, ledger: Ledger) -> None:
        """The job in hand is still written when the run stops, and no other is taken."""
        ledger.plan(2)
        claim = ledger.claim()
        ledger.store.stop_run(ledger.run)

        assert ledger.settle(claim, then=1) is None
        assert {"0": "done", "1": "pending"} == ledger.states


class TestNotBefore:
    """A job to be tried later is claimable later, on the clock of leases."""

    @pytest.fixture(autouse=True)
    def _delayed(self, ledger: Ledger) -> None:
        ledger.plan(1)
        ledger.settle(ledger.claim(), "pending", not_before=ledger.clock() + 60)

    @pytest.mark.parametrize(("seconds", "expected"), [(0, []), (59.5, []), (60, ["0"])])
    def test_it_waits(self, ledger: Ledger, seconds: float, expected: list[str]) -> None:
        """It is given out at its time and not before."""
        ledger.clock.advance(seconds)

        assert expected == ledger.keys()

    def test_the_outlook_says_how_long(self, ledger: Ledger) -> None:
        """A worker is told how long there is nothing to do."""
        ledger.clock.advance(15)

        assert Outlook(over=False, wait=45.0) == ledger.store.outlook(ledger.run)

    def test_others_do_not_wait(self, ledger: Ledger) -> None:
        """A delayed job holds nobody else up."""
        ledger.plan(2)

        assert ["1"] == ledger.keys()

    def test_a_later_phase_does_wait(self, ledger: Ledger) -> None:
        """A delayed job is not done, so the next phase waits for it."""
        ledger.plan([ledger.job("0"), ledger.job("late", phase=1)])

        assert [] == ledger.keys()
