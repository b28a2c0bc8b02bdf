"""The fence: every write of a holder names its claim's token, and a stale one changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ledger.errors import Reason
from ledger.jobs import Claim, Published, Settlement
from ledger.store.claims import StaleLeaseError
from ledger.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Ledger


def robbed(ledger: Ledger, worker: int, limit: int = 1) -> Claim:
    """A claim whose lease expired and was reaped."""
    claim = ledger.claim(worker, limit)
    ledger.clock.advance(ledger.LEASE + 1)
    ledger.store.reap_expired(ledger.run, ledger.store.expired(), lambda _: None, Reason("silent"))
    return claim


class TestSettle:
    """Settling under a live token."""

    def test_done(self, ledger: Ledger) -> None:
        """A settled job is done, has used one attempt, and is under no lease."""
        ledger.plan(1)

        ledger.finish()

        assert [("done", 1, None, 0.5)] == ledger.sql(
            "SELECT state, attempts, lease, seconds FROM jobs"
        )
        assert 0 == ledger.store.live_leases()

    def test_settle_and_claim_are_one(self, ledger: Ledger) -> None:
        """The next claim comes with the settling, under a token of its own."""
        ledger.plan(3)
        first = ledger.claim()

        second = ledger.settle(first, then=2)

        assert second
        assert ["1", "2"] == [job.key for job in second.jobs]
        assert (True, 1) == (second.token > first.token, ledger.store.live_leases())

    def test_what_is_not_settled_goes_back_uncharged(self, ledger: Ledger) -> None:
        """Jobs of the batch that were not begun are pending again; no attempt is counted."""
        ledger.plan(4)

        ledger.settle(ledger.claim(limit=4), count=1)

        assert ["done", "pending", "pending", "pending"] == [*ledger.states.values()]
        assert [1, 0, 0, 0] == [*ledger.attempts.values()]

    def test_giving_all_back_costs_nothing(self, ledger: Ledger) -> None:
        """A hundred claims given back burn no attempt."""
        ledger.plan(1)
        for _ in range(100):
            ledger.settle(ledger.claim(), count=0)

        assert [("pending", 0, None)] == ledger.sql("SELECT state, attempts, lease FROM jobs")

    def test_outputs_are_noted(self, ledger: Ledger) -> None:
        """What was published is noted with the job, in the same transaction."""
        ledger.plan([ledger.job("a", outputs=("site/a",))])
        made = Published("site/a", 3, "d", "i")

        ledger.settle(ledger.claim(), outputs=(made,))
        ledger.store.requeue([1])

        assert {1: {"site/a": made}} == ledger.store.published(ledger.claim().token)

    @pytest.mark.parametrize("path", ["site/b", "site/nobody"])
    def test_another_jobs_output_is_not_touched(self, ledger: Ledger, path: str) -> None:
        """A job can note only its own outputs."""
        ledger.plan([ledger.job("a", outputs=("site/a",)), ledger.job("b", outputs=("site/b",))])

        ledger.settle(ledger.claim(), outputs=(Published(path, 3, "d", "i"),))

        assert [("site/a", None), ("site/b", None)] == ledger.sql("SELECT path, bytes FROM outputs")

    def test_a_retry_later_counts_an_attempt(self, ledger: Ledger) -> None:
        """A job that is to be tried again has used up one attempt."""
        ledger.plan(1)
        ledger.settle(ledger.claim(), "pending")

        assert [2] == [job.attempt for job in ledger.claim().jobs]

    def test_a_failure_is_recorded_with_its_attempt(self, ledger: Ledger) -> None:
        """What went wrong is kept with the number of the attempt and of the worker."""
        ledger.plan(1)
        ledger.settle(ledger.claim(), "pending")
        ledger.finish("failed")

        (failure,) = ledger.store.failures()

        assert ("page", "0", 2, 3, "it broke") == (
            failure.kind, failure.key, failure.attempt, failure.max_attempts, failure.what,
        )  # fmt: skip


class TestStale:
    """A token that is no longer live."""

    ACTIONS: dict[str, Callable[[Ledger, Claim], Any]] = {  # noqa: RUF012
        "done": lambda ledger, claim: ledger.settle(claim),
        "failed": lambda ledger, claim: ledger.settle(claim, "failed"),
        "later": lambda ledger, claim: ledger.settle(claim, "pending", not_before=9e9),
        "release": lambda ledger, claim: ledger.settle(claim, count=0),
        "settle and claim": lambda ledger, claim: ledger.settle(claim, then=5),
        "publish": lambda ledger, claim: ledger.settle(
            claim, outputs=(Published("site/a", 1, "late", "late"),)
        ),
    }

    @pytest.fixture(autouse=True)
    def _planned(self, ledger: Ledger) -> None:
        ledger.plan([ledger.job("a", outputs=("site/a",)), ledger.job("b"), ledger.job("c")])

    @pytest.mark.parametrize("action", ACTIONS)
    @pytest.mark.parametrize("again", ["pending", "another worker", "the same worker", "done"])
    def test_it_is_refused_and_changes_nothing(
        self, ledger: Ledger, action: str, again: str
    ) -> None:
        """A late write is refused whole, even from who holds the very same job again (ABA)."""
        first = ledger.worker()
        stale = robbed(ledger, first, limit=2)
        if again != "pending":
            now = ledger.claim(first if again == "the same worker" else None, limit=2)
            assert [job.id for job in stale.jobs] == [job.id for job in now.jobs]
            if again == "done":
                ledger.settle(now)
        before = ledger.everything()

        with pytest.raises(StaleLeaseError, match=r"no longer held"):
            self.ACTIONS[action](ledger, stale)

        assert before == ledger.everything()

    def test_a_settled_claim_cannot_be_settled_again(self, ledger: Ledger) -> None:
        """Settling twice is refused the second time."""
        claim = ledger.claim()
        ledger.settle(claim)

        with pytest.raises(StaleLeaseError):
            ledger.settle(claim)

        assert 1 == ledger.attempts["a"]

    def test_a_token_does_not_settle_anothers_job(self, ledger: Ledger) -> None:
        """A live token settles what it holds and nothing else; all of it or nothing."""
        mine, theirs = ledger.claim(), ledger.claim()
        both = Claim(mine.token, mine.jobs + theirs.jobs)
        before = ledger.everything()

        with pytest.raises(StaleLeaseError, match="no longer held"):
            ledger.settle(both)

        assert before == ledger.everything()

    def test_a_job_settles_once_in_a_batch(self, ledger: Ledger) -> None:
        """One job named twice is refused, not counted twice."""
        claim = ledger.claim()
        twice = [Settlement(claim.jobs[0].id, "done", 0.1)] * 2

        with pytest.raises(StaleLeaseError):
            ledger.store.settle(ledger.run, 1, claim.token, twice)

        assert {"a": 0, "b": 0, "c": 0} == ledger.attempts

    def test_the_new_holder_is_not_disturbed(self, ledger: Ledger) -> None:
        """After a late write was refused, who holds the job now settles it."""
        worker = ledger.worker()
        stale = robbed(ledger, worker)
        fresh = ledger.claim(worker)
        with pytest.raises(StaleLeaseError):
            ledger.settle(stale)

        ledger.settle(fresh)

        assert ("done", 1) == (ledger.states["a"], ledger.attempts["a"])


class TestRenew:
    """The heartbeat."""

    @staticmethod
    def expires(ledger: Ledger) -> float:
        """When the only lease expires."""
        return float(ledger.sql("SELECT expires FROM leases")[0][0])

    @pytest.fixture
    def held(self, ledger: Ledger) -> Claim:
        """A claim of the only job."""
        ledger.plan(1)
        return ledger.claim()

    def test_it_extends_from_now(self, ledger: Ledger, held: Claim) -> None:
        """A renewed lease lives its whole length from now on."""
        ledger.clock.advance(20)

        assert ledger.store.renew(held.token, 30.0)
        assert ledger.clock() + 30 == self.expires(ledger)

    @pytest.mark.parametrize(("step", "seconds"), [(0, 5.0), (-3600, 30.0)])
    def test_it_never_shortens(
        self, ledger: Ledger, held: Claim, step: float, seconds: float
    ) -> None:
        """Neither a shorter time nor a clock that went back takes from a lease."""
        before = self.expires(ledger)
        ledger.clock.advance(step)

        assert ledger.store.renew(held.token, seconds)
        assert before == self.expires(ledger)

    def test_a_late_one_still_counts(self, ledger: Ledger, held: Claim) -> None:
        """A holder that was starved but not yet reaped keeps its job."""
        ledger.clock.advance(ledger.LEASE * 2)

        assert ledger.store.renew(held.token, 30.0)
        assert [] == ledger.store.reap_expired(
            ledger.run, ledger.store.expired(), lambda _: None, Reason("silent")
        )

    def test_a_reaped_one_is_refused(self, ledger: Ledger) -> None:
        """Once reaped, a lease cannot be renewed, though its worker holds the job again."""
        ledger.plan(1)
        worker = ledger.worker()
        stale = robbed(ledger, worker)
        ledger.claim(worker)
        before = ledger.everything()

        assert not ledger.store.renew(stale.token, 999.0)
        assert before == ledger.everything()

    def test_a_settled_one_is_refused(self, ledger: Ledger, held: Claim) -> None:
        """A heartbeat that comes after the settling is told that there is nothing to keep."""
        ledger.settle(held)

        assert not ledger.store.renew(held.token, 30.0)


class TestTokens:
    """A token is given out once, for ever."""

    def test_they_only_grow(self, ledger: Ledger) -> None:
        """Claims that are given back, settled or come to nothing never free their number."""
        ledger.plan(3)
        tokens = []
        for count in (0, 1, 0, 1, 1):
            claim = ledger.claim()
            ledger.settle(claim, count=count)
            tokens.append(claim.token)

        assert sorted(set(tokens)) == tokens

    def test_they_outlive_the_process(self, ledger: Ledger) -> None:
        """Another connection, with no lease left in the file, goes on counting."""
        ledger.plan(2)
        before = ledger.claim().token
        ledger.store.reap_worker(ledger.run, 1, None, Reason("died"))
        ledger.store.close()
        ledger.store = Store(ledger.path, now=ledger.clock)

        assert before < ledger.claim().token
