"""Reaping: what a dead, hung or abandoned worker held is pending again, and who pays for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ledger.process import clock

if TYPE_CHECKING:
    from conftest import Ledger

    from ledger.errors import Reason


class TestDeadWorker:
    """A worker whose death was seen."""

    @pytest.fixture
    def worker(self, ledger: Ledger) -> int:
        """A worker that holds five jobs."""
        ledger.plan(6)
        worker = ledger.worker()
        ledger.claim(worker, limit=5)
        return worker

    def test_only_the_job_in_hand_is_charged(
        self, ledger: Ledger, worker: int, reason: Reason
    ) -> None:
        """The rest of the batch is given back as if it had never been taken."""
        assert ["pending"] == ledger.store.reap_worker(ledger.run, worker, 3, reason)
        assert [0, 0, 1, 0, 0, 0] == [*ledger.attempts.values()]
        assert {"pending"} == {*ledger.states.values()}

    def test_with_nothing_in_hand_nothing_is_charged(
        self, ledger: Ledger, worker: int, reason: Reason
    ) -> None:
        """A worker that died between jobs costs nobody an attempt."""
        assert [] == ledger.store.reap_worker(ledger.run, worker, None, reason)
        assert {0} == {*ledger.attempts.values()}

    @pytest.mark.parametrize("job", [0, 6, 99])
    def test_a_job_it_did_not_hold_is_not_charged(
        self, ledger: Ledger, worker: int, reason: Reason, job: int
    ) -> None:
        """Whatever the slot says, only a job under the worker's own lease pays."""
        assert [] == ledger.store.reap_worker(ledger.run, worker, job, reason)
        assert {0} == {*ledger.attempts.values()}

    def test_all_its_leases_are_closed(self, ledger: Ledger, worker: int, reason: Reason) -> None:
        """A worker that held two claims holds none."""
        ledger.claim(worker)

        ledger.store.reap_worker(ledger.run, worker, 6, reason)

        assert (0, 1) == (ledger.store.live_leases(), ledger.attempts["5"])

    def test_others_keep_what_they_hold(self, ledger: Ledger, worker: int, reason: Reason) -> None:
        """The death of one takes nothing from another."""
        other = ledger.claim()

        ledger.store.reap_worker(ledger.run, worker, 1, reason)
        ledger.settle(other)

        assert "done" == ledger.states["5"]

    def test_what_it_settled_stays_settled(self, ledger: Ledger, reason: Reason) -> None:
        """A job that was settled before the death is done, though the slot still names it."""
        ledger.plan(2)
        worker = ledger.worker()
        ledger.settle(ledger.claim(worker), then=1)

        ledger.store.reap_worker(ledger.run, worker, 1, reason)

        assert {"0": "done", "1": "pending"} == ledger.states
        assert 1 == ledger.attempts["0"]

    def test_reaping_twice_charges_once(self, ledger: Ledger, worker: int, reason: Reason) -> None:
        """A worker has nothing left to be reaped."""
        ledger.store.reap_worker(ledger.run, worker, 3, reason)

        assert [] == ledger.store.reap_worker(ledger.run, worker, 3, reason)
        assert 1 == ledger.attempts["2"]

    def test_a_job_that_kills_its_workers_fails(self, ledger: Ledger, reason: Reason) -> None:
        """After its attempts are used up the job is failed, and the report names the signal."""
        ledger.plan(1, max_attempts=3)
        states = []
        for _ in range(3):
            worker = ledger.worker()
            job = ledger.claim(worker).jobs[0]
            states += ledger.store.reap_worker(ledger.run, worker, job.id, reason)

        assert ["pending", "pending", "failed"] == states
        assert [("killed by SIGKILL", 3, 3)] == [
            (failure.what, failure.attempt, failure.max_attempts)
            for failure in ledger.store.failures()
        ]

    def test_its_death_is_noted(self, ledger: Ledger, worker: int) -> None:
        """A worker is open until it was seen to end; how it ended first is what is kept."""
        assert [worker] == [row.id for row in ledger.store.runs.open_workers()]
        ledger.store.end_worker(worker, "killed by SIGKILL")
        ledger.store.end_worker(worker, "finished")

        assert [] == ledger.store.runs.open_workers()
        assert [("killed by SIGKILL",)] == ledger.sql("SELECT outcome FROM workers")


class TestExpired:
    """A worker that hangs: alive, perhaps, but without a heartbeat."""

    def reap(self, ledger: Ledger, reason: Reason, job: int | None = None) -> list[int]:
        """Reap; every worker has `job` in hand."""
        return ledger.store.reap_expired(ledger.run, ledger.store.expired(), lambda _: job, reason)

    @pytest.mark.parametrize(("late", "robbed"), [(-1, False), (0, False), (0.001, True)])
    def test_a_lease_is_kept_to_its_end(
        self, ledger: Ledger, reason: Reason, late: float, robbed: bool
    ) -> None:
        """Nothing is taken back before the lease is over."""
        ledger.plan(1)
        worker = ledger.worker()
        ledger.claim(worker)
        ledger.clock.advance(ledger.LEASE + late)

        assert [worker] * robbed == self.reap(ledger, reason)

    def test_a_renewed_lease_is_kept(self, ledger: Ledger, reason: Reason) -> None:
        """A job of five leases, with a heartbeat, stays with its holder."""
        ledger.plan(1)
        claim = ledger.claim()
        for _ in range(15):
            ledger.clock.advance(ledger.LEASE / 3)
            ledger.store.renew(claim.token, ledger.LEASE)
            assert [] == self.reap(ledger, reason)

        ledger.settle(claim)

        assert {"0": "done"} == ledger.states

    def test_a_clock_that_goes_back_robs_nobody(self, ledger: Ledger, reason: Reason) -> None:
        """A lease from a later time is not expired."""
        ledger.plan(1)
        ledger.claim()
        ledger.clock.advance(-500)

        assert [] == self.reap(ledger, reason)

    def test_only_the_job_in_hand_is_charged(self, ledger: Ledger, reason: Reason) -> None:
        """The hung job pays, the rest of its batch does not."""
        ledger.plan(3)
        ledger.claim(limit=3)
        ledger.clock.advance(ledger.LEASE * 2)

        self.reap(ledger, reason, job=2)

        assert {"0": 0, "1": 1, "2": 0} == ledger.attempts

    def test_only_the_expired_are_reaped(self, ledger: Ledger, reason: Reason) -> None:
        """A younger lease lives on."""
        ledger.plan(2)
        old = ledger.worker()
        ledger.claim(old)
        ledger.clock.advance(ledger.LEASE - 1)
        ledger.claim()
        ledger.clock.advance(2)

        assert [old] == self.reap(ledger, reason)
        assert {"0": "pending", "1": "running"} == ledger.states

    def test_a_worker_is_charged_for_its_own_job(self, ledger: Ledger, reason: Reason) -> None:
        """Each of several hung workers is asked what it had in hand."""
        ledger.plan(4)
        first, second = ledger.worker(), ledger.worker()
        ledger.claim(first, limit=2)
        ledger.claim(second, limit=2)
        ledger.clock.advance(ledger.LEASE * 2)

        ledger.store.reap_expired(
            ledger.run, ledger.store.expired(), {first: 1, second: 4}.get, reason
        )

        assert {"0": 1, "1": 0, "2": 0, "3": 1} == ledger.attempts


class TestBoot:
    """The clock of leases begins anew when the machine does."""

    @pytest.fixture(autouse=True)
    def _held(self, ledger: Ledger) -> None:
        ledger.store.recover_after_reboot()
        ledger.plan(3)
        ledger.settle(ledger.claim(), "pending", not_before=ledger.clock() + 1e6)
        ledger.claim(limit=1)

    def test_the_same_boot_frees_nothing(self, ledger: Ledger) -> None:
        """Within one boot all leases and delays hold."""
        before = ledger.everything()

        ledger.store.recover_after_reboot()

        assert before == ledger.everything()

    def test_another_boot_frees_everything(
        self, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """No lease outlives the machine, no job waits for a time of the old clock, none pays."""
        monkeypatch.setattr(clock, "boot_id", lambda: "another")
        ledger.clock.seconds = 3.0

        ledger.store.recover_after_reboot()

        assert 0 == ledger.store.live_leases()
        assert [1, 0, 0] == [*ledger.attempts.values()]
        assert ["0", "1", "2"] == ledger.keys()

    def test_another_boot_is_adopted_once(
        self, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What is claimed after the restart is not freed again."""
        monkeypatch.setattr(clock, "boot_id", lambda: "another")
        ledger.store.recover_after_reboot()
        ledger.claim()

        ledger.store.recover_after_reboot()

        assert 1 == ledger.store.live_leases()


def test_one_that_renewed_between_two_looks_is_not_robbed(ledger: Ledger, reason: Reason) -> None:
    """After `fg` all leases look expired for a moment; who then gives a sign keeps his."""
    ledger.plan(1)
    claim = ledger.claim()
    ledger.clock.advance(1000)
    suspects = ledger.store.expired()
    ledger.store.renew(claim.token, 30.0)

    assert [] == ledger.store.reap_expired(ledger.run, suspects, lambda _: None, reason)


def test_the_last_attempt_cannot_be_tried_again(ledger: Ledger, reason: Reason) -> None:
    """A job that would go back with no attempt left is failed, and ends the run."""
    ledger.plan(1, max_attempts=1)
    ledger.start_run(keep_going=False)

    ledger.settle(ledger.claim(), "pending", reason=reason)

    assert [1] == [failure.attempt for failure in ledger.store.failures()]
    assert ledger.store.outlook(ledger.run).over
