"""Reaping: release the jobs of workers that died or hang, and charge the attempt in flight."""

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
    """Revokes leases whose holders died or hang; `now` is the clock of leases, in seconds."""

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
        """Release all jobs of a dead worker; only its job in flight is charged an attempt.

        Without `charge` it is not charged; the effect of a queue's job is in doubt in both cases.
        Returns a list of the new state of the charged job; empty if there was none.
        """
        with self.database.immediate():
            tokens = [row[0] for row in self.database.rows("leases_of", worker=worker)]
            return [
                state
                for token in tokens
                for state in self._reap(run, worker, token, job_in_flight, reason, charge=charge)
            ]

    def leases_of(self, worker: int) -> list[int]:
        """The tokens of a worker's leases."""
        return [row[0] for row in self.database.rows("leases_of", worker=worker)]

    def expired_leases(self) -> dict[int, int]:
        """The leases that have expired: token and worker."""
        return dict(self.database.read(LeaseRow, "expired_leases", now=self.now()))

    def expired(self) -> set[int]:
        """The tokens of the leases that have expired."""
        return set(self.expired_leases())

    def live_leases(self) -> int:
        """The number of leases that are held."""
        return int(self.database.value("live_leases"))

    def reap_expired(
        self,
        run: int,
        suspects: set[int],
        job_in_flight: Callable[[int], int | None],
        reason: Reason,
    ) -> list[int]:
        """Release the jobs under those of `suspects` that are still expired; returns the workers.

        One check is not enough: when a whole run was stopped and continues (Ctrl+Z, `fg`), every
        lease has expired until its holder renews it.
        """
        with self.database.immediate():
            rows = self.database.read(LeaseRow, "expired_leases", now=self.now())
            expired = [row for row in rows if row.token in suspects]
            for token, worker in expired:
                self._reap(run, worker, token, job_in_flight(worker), reason)
        return [row.worker for row in expired]

    def recover_after_reboot(self) -> None:
        """Reap all leases of an earlier boot: their clock starts again with the machine."""
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
        """Charge the job in flight of a worker that ended; returns its new state, if that changes."""
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
        """The run to which a failure found between two runs is attributed."""
        return int(self.database.value("last_run") or 0)


def _uncertain(reason: Reason) -> Reason:
    return Reason(
        f"{reason.what}; whether it had its effect is unknown",
        context=reason.context,
        remedy="check whether it had; then `ledger retry --uncertain` repeats it, or "
        "`ledger cancel --uncertain` removes it",
    )
