"""The lease protocol: claim, renew, settle.

pending    -> running      claim       under a lease whose token fences every later write
running    -> done         settle
running    -> failed       settle, or reap when the attempts are used up or the queue parks
running    -> pending      settle (try later), release (drain), reap (the holder died or hung)
failed     -> pending      retry
pending   <-> deselected   spawn selects the jobs of its run
Re-planning (ledger/store/plan.py) makes changed jobs pending again.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ledger.errors import LedgerError, Reason
from ledger.jobs import Claim, Job, Published
from ledger.process import clock
from ledger.process.fault_points import Point, reached
from ledger.store.limits import CLAIM_AHEAD_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ledger.jobs import Settlement
    from ledger.store.attempts import Attempts
    from ledger.store.connection import Database
    from ledger.store.eligibility import Eligibility
    from ledger.store.rows import ClaimedRow


class StaleLeaseError(LedgerError):
    """A write named a lease that is no longer held; nothing was changed."""


Taken = tuple[int, "list[ClaimedRow]", float]
"""A lease token, the claimed rows, and when to begin."""


class Claims:
    """Claims and settles jobs; `now` is the clock of leases, in seconds."""

    def __init__(
        self,
        database: Database,
        eligibility: Eligibility,
        attempts: Attempts,
        now: Callable[[], float],
    ) -> None:
        self.database = database
        self.eligibility = eligibility
        self.attempts = attempts
        self.now = now

    def claim(self, run: int, worker: int, limit: int, lease_seconds: float) -> Claim | None:
        """Claim up to `limit` jobs of the first source that has any; None if no source has any now."""
        soon = self.now() + CLAIM_AHEAD_SECONDS  # a read first, so that idle workers take no lock
        if not any(source.start <= soon for source in self.eligibility.claimable_set(run).runnable):
            return None
        with self.database.immediate():
            taken = self._claim(run, worker, limit, lease_seconds)
            reached(Point.CLAIM_WRITTEN)
        reached(Point.CLAIMED)
        return _as_claim(taken)

    def settle(
        self,
        run: int,
        worker: int,
        token: int,
        settlements: Sequence[Settlement],
        *,
        keep: bool = False,
        claim: int = 0,
        lease_seconds: float = 0.0,
    ) -> Claim | None:
        """Settle jobs held under `token`; with `claim`, claim the next in the same transaction.

        The other jobs under the token are released and no attempt at them counts; with `keep` they
        stay.

        Raises:
            StaleLeaseError: the token is not live; none of the settlements was written.
        """
        with self.database.immediate():
            if settlements:
                self._write_settlements(run, worker, token, settlements)
            elif not self.is_live(token):
                raise _stale(token)
            if not keep:
                self.end_lease(token)
            taken = self._claim(run, worker, claim, lease_seconds) if claim else None
            reached(Point.SETTLE_WRITTEN)
        reached(Point.SETTLED)
        return _as_claim(taken)

    def renew(self, token: int, lease_seconds: float) -> bool:
        """Extend a lease from now; False when it is no longer held."""
        with self.database.immediate():
            cursor = self.database.run("renew", token=token, expires=self.now() + lease_seconds)
            return cursor.rowcount == 1

    def keep(self, token: int, lease_seconds: float) -> None:
        """Renew a lease.

        Raises:
            StaleLeaseError: it is no longer held; another worker may hold its jobs.
        """
        if not self.renew(token, lease_seconds):
            raise _stale(token)

    def published(self, token: int) -> dict[int, dict[str, Published]]:
        """The known outputs of the jobs under a lease, by job and path."""
        known: dict[int, dict[str, Published]] = {}
        for job, *output in self.database.rows("outputs_under_lease", token=token):
            published = Published(*output)
            known.setdefault(job, {})[published.path] = published
        return known

    def is_live(self, token: int) -> bool:
        """Whether a lease is held still."""
        return self.database.value("lease_is_live", token=token) is not None

    # -- within a transaction, also for reap.py --------------------------------------------

    def end_lease(self, token: int) -> None:
        """Release the jobs that a lease still holds, and close it."""
        run = self.database.run
        if run("close_lease", token=token).rowcount == 0:
            run("release", token=token)
            run("close_lease", token=token)

    def record_failure(self, run: int, worker: int, job: int, reason: Reason) -> None:
        """Record why an attempt at a job failed."""
        self.database.run(
            "record_failure",
            job=job, run=run, worker=worker, at=clock.wall(),
            what=_legible(reason.what), context=_legible(reason.context),
            remedy=_legible(reason.remedy),
        )  # fmt: skip

    def _claim(self, run: int, worker: int, limit: int, lease_seconds: float) -> Taken | None:
        now = self.now()
        for source in self.eligibility.claimable_set(run).runnable:
            rows = self.eligibility.claimable(source, limit, now)
            if rows:
                break
        else:
            return None
        database = self.database
        token: int = database.value("open_lease", worker=worker, expires=now + lease_seconds)
        if len(rows) == 1:  # setting up a list for IN costs more than the update
            database.run("take_one", token=token, job=rows[0].id)
        else:
            database.run("take_many", token=token, jobs=json.dumps([row.id for row in rows]))
        if source.due:
            database.run("take_rate_slot", phase=source.phase, due=source.due)
        return token, rows, source.start

    def _write_settlements(
        self, run: int, worker: int, token: int, settlements: Sequence[Settlement]
    ) -> None:
        """Each statement names job and token, so a worker that lost its lease changes no row."""
        database, at = self.database, clock.wall()
        done = [item for item in settlements if item.state == "done"]
        undone = [item for item in settlements if item.state != "done"]
        changed = self._settle_done(run, token, done, at) if done else 0
        for item in undone:
            changed += database.run("settle_undone", **_undone_row(item, token, at)).rowcount
        if changed != len(settlements):
            raise _stale(token)
        for item in settlements:
            if item.record is not None:
                self.attempts.write_attempt(run, worker, item, item.record)
        outputs = [_output_row(item.job, output) for item in settlements for output in item.outputs]
        if outputs:
            database.run_many("record_output", outputs)
        for item in undone:
            if item.reason:
                self.record_failure(run, worker, item.job, item.reason)
            database.run("stop_run_if_failed", run=run, job=item.job)

    def _settle_done(self, run: int, token: int, done: Sequence[Settlement], at: float) -> int:
        facts = {"run": run, "token": token, "at": at}
        facts["seconds"] = sum(item.seconds for item in done) / len(done)
        if len(done) == 1:
            return self.database.run("settle_one", job=done[0].job, **facts).rowcount
        jobs = json.dumps([item.job for item in done])
        return self.database.run("settle_many", jobs=jobs, **facts).rowcount


def _legible(text: str) -> str:
    """Escape unpaired surrogates: a job may print them, SQLite and terminals refuse them."""
    return text.encode("utf-8", "backslashreplace").decode()


def _stale(token: int) -> StaleLeaseError:
    return StaleLeaseError(
        f"lease {token} is no longer held",
        context="its jobs were given to another worker after it expired",
    )


def _as_claim(taken: Taken | None) -> Claim | None:
    """Make the claim after the transaction, so that no other process waits for it."""
    if taken is None:
        return None
    token, rows, start = taken
    return Claim(token, tuple(map(_job, rows)), start)


def _job(row: ClaimedRow) -> Job:
    job, kind, key, fingerprint, payload, attempts, max_attempts, phase, _, _ = row
    facts = json.loads(payload) if payload != "{}" else {}
    return Job(job, kind, key, fingerprint, facts, attempts + 1, max_attempts, phase)


def _undone_row(item: Settlement, token: int, at: float) -> dict[str, Any]:
    return {
        "state": item.state, "seconds": item.seconds, "at": at, "not_before": item.not_before,
        "job": item.job, "token": token,
    }  # fmt: skip


def _output_row(job: int, output: Published) -> dict[str, Any]:
    return {
        "bytes": output.bytes, "digest": output.digest, "inputs": output.inputs,
        "path": output.path, "job": job,
    }  # fmt: skip
