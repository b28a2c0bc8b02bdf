"""Reaping: what dead, hung and rebooted workers held goes back, and one attempt may be charged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.errors import Reason
from ledger.process import clock
from ledger.process.fault_points import Point, reached
from ledger.store.rows import LeaseRow

if TYPE_CHECKING:
    from collections.abc import Callable

    from ledger.store.attempts import Attempts
    from ledger.store.claims import Claims
    from ledger.store.connection import Database


class Reaper:
    """Takes back leases whose holders are gone; `now` is the clock of leases, in seconds."""

    def __init__(
        self, database: Database, claims: Claims, attempts: Attempts, now: Callable[[], float]
    ) -> None:
        self.database = database
        self.claims = claims
        self.attempts = attempts
        self.now = now

    def reap_worker(
        self,
        run: int,
        worker: int,
        job_in_flight: int | None,
        reason: Reason,
        *,
        charge: bool = True,
    ) -> list[str]:
        """Take back all that a dead worker held; only its job in flight is charged an attempt.

        Not even that without `charge`; the job may have had an effect all the same.
        Returns the new state of the charged job, if there was one, in a list.
        """
        with self.database.immediate():
            tokens = [row[0] for row in self.database.rows("leases_of", worker=worker)]
            return [
                state
                for token in tokens
                for state in self._reap(run, worker, token, job_in_flight, reason, charge=charge)
            ]

    def leases_of(self, worker: int) -> list[int]:
        """The tokens that a worker holds."""
        return [row[0] for row in self.database.rows("leases_of", worker=worker)]

    def expired_leases(self) -> dict[int, int]:
        """The leases that have expired: token and worker."""
        return dict(self.database.read(LeaseRow, "expired_leases", now=self.now()))

    def expired(self) -> set[int]:
        """The tokens of the leases that have expired."""
        return set(self.expired_leases())

    def live_leases(self) -> int:
        """How many leases are out."""
        return int(self.database.value("live_leases"))

    def reap_expired(
        self,
        run: int,
        suspects: set[int],
        job_in_flight: Callable[[int], int | None],
        reason: Reason,
    ) -> list[int]:
        """Take back what is held under those of `suspects` that are expired still.

        One look is not enough: when a whole run was stopped and continues (Ctrl+Z, `fg`), all
        leases are found expired before their holders could renew them. Returns the workers.
        """
        with self.database.immediate():
            rows = self.database.read(LeaseRow, "expired_leases", now=self.now())
            expired = [row for row in rows if row.token in suspects]
            for token, worker in expired:
                self._reap(run, worker, token, job_in_flight(worker), reason)
        return [row.worker for row in expired]

    def recover_after_reboot(self) -> None:
        """Reap all leases of an earlier boot: after a restart their clock began again."""
        boot = clock.boot_id()
        if self.database.value("fact", name="boot") == boot:
            return
        with self.database.immediate():
            for row in self.database.read(LeaseRow, "expired_leases", now=float("inf")):
                for (job,) in self.database.rows("queue_jobs_under", token=row.token):
                    # After a power cut any of them may have been in flight.
                    reason = Reason("the machine was restarted while a worker had this job")
                    self._charge(0, row.worker, row.token, job, reason, charge=False)
                self.claims.end_lease(row.token)
            self.database.run("restart_clocks")
            self.database.run("restart_queues")
            self.database.run("set_fact", name="boot", value=boot)

    def _reap(
        self,
        run: int,
        worker: int,
        token: int,
        job_in_flight: int | None,
        reason: Reason,
        *,
        charge: bool = True,
    ) -> list[str]:
        states: list[str] = []
        if job_in_flight is not None:
            states = self._charge(run, worker, token, job_in_flight, reason, charge=charge)
        self.claims.end_lease(token)
        reached(Point.REAP_WRITTEN)
        return states

    def _charge(
        self, run: int, worker: int, token: int, job: int, reason: Reason, *, charge: bool
    ) -> list[str]:
        """Charge a worker's end to its job in flight; returns the new state, if that changes it."""
        states: list[str] = []
        if self.attempts.leave_uncertain(run, worker, token, job, charge=charge):
            states, reason = ["failed"], _uncertain(reason)
        elif charge:
            at = clock.wall()
            charged = self.database.rows("charge_attempt", job=job, token=token, at=at)
            states = [row[0] for row in charged]
        for _ in states:
            self.claims.record_failure(run or self._latest_run(), worker, job, reason)
            self.database.run("stop_run_if_failed", run=run, job=job)
        return states

    def _latest_run(self) -> int:
        """The run to which a failure belongs that is found between two runs."""
        return int(self.database.value("last_run") or 0)


def _uncertain(reason: Reason) -> Reason:
    return Reason(
        f"{reason.what}; whether it had its effect nobody knows",
        context=reason.context,
        remedy="look whether it did; then `ledger retry --uncertain` does it again, or "
        "`ledger cancel --uncertain` lets it be",
    )
