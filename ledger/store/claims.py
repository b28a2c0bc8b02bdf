"""The lease protocol: claim, renew, settle, release, reap; and what status can count.

pending -> running   claim       under a lease whose token fences every later write
running -> done      settle
running -> failed    settle, or reap when the attempts are used up
running -> pending   settle (try later), release (drain), reap (the holder died or hung)
failed  -> pending   retry
pending <-> held     spawn selects what its run is about
Re-planning (ledger/store/plan.py) makes what changed pending again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ledger.errors import Failure, LedgerError, Reason
from ledger.jobs import FIRST_QUEUE, Claim, Job, Published
from ledger.process import clock
from ledger.process.fault_points import Point, reached
from ledger.store.attempts import Attempts
from ledger.store.limits import CLAIM_AHEAD_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ledger.jobs import Settlement
    from ledger.store.connection import Row


class StaleLeaseError(LedgerError):
    """A write named a lease that is no longer held; nothing was changed."""


@dataclass(frozen=True, slots=True)
class KindCount:
    """How many jobs of a kind stand where. `pending` leaves out the running ones."""

    phase: int
    kind: str
    pending: int = 0
    deselected: int = 0
    running: int = 0
    done: int = 0
    failed: int = 0
    queue: str = ""

    @property
    def name(self) -> str:
        """What people call them: their queue, or of a site's pages the kind."""
        return self.queue or self.kind

    @property
    def stage(self) -> int:
        """Its phase; queues go on side by side, so they are one stage, after the site's."""
        return min(self.phase, FIRST_QUEUE)

    @property
    def total(self) -> int:
        """All jobs of this kind that the run is about."""
        return self.pending + self.running + self.done + self.failed


Taken = tuple[int, list["Row"], float]
"""A lease token, the claimed rows, and when to begin."""


class Store(Attempts):
    """The claim protocol on one connection. `now` is the clock of leases, in seconds."""

    # -- claim, renew, settle ---------------------------------------------------------

    def claim(self, run: int, worker: int, limit: int, lease_seconds: float) -> Claim | None:
        """Take up to `limit` jobs of the lowest open phase; None when nothing can be taken now."""
        soon = self.now() + CLAIM_AHEAD_SECONDS  # a read first: the idle take no lock
        if not any(source.start <= soon for source in self.claimable_set(run).runnable):
            return None
        with self.immediate():
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
        """Write what came of jobs held under `token`; with `claim`, take the next in the same breath.

        What else the token holds is given back, with no attempt counted; with `keep` it stays.

        Raises:
            StaleLeaseError: the token is not live; not one of the settlements was written.
        """
        with self.immediate():
            if settlements:
                self._write_settlements(run, worker, token, settlements)
            elif self.value("lease_is_live", token=token) is None:
                raise _stale(token)
            if not keep:
                self._end_lease(token)
            taken = self._claim(run, worker, claim, lease_seconds) if claim else None
            reached(Point.SETTLE_WRITTEN)
        reached(Point.SETTLED)
        return _as_claim(taken)

    def renew(self, token: int, lease_seconds: float) -> bool:
        """Extend a lease from now; False when it is no longer held."""
        with self.immediate():
            cursor = self.run("renew", token=token, expires=self.now() + lease_seconds)
            return cursor.rowcount == 1

    def keep(self, token: int, lease_seconds: float) -> None:
        """Renew a lease, or say that it is lost.

        Raises:
            StaleLeaseError: it is no longer held; its jobs may be somebody else's by now.
        """
        if not self.renew(token, lease_seconds):
            raise _stale(token)

    def published(self, token: int) -> dict[int, dict[str, Published]]:
        """What is known of the outputs of the jobs under a lease, by job and path."""
        known: dict[int, dict[str, Published]] = {}
        for job, *output in self.rows("outputs_under_lease", token=token):
            published = Published(*output)
            known.setdefault(job, {})[published.path] = published
        return known

    def _claim(self, run: int, worker: int, limit: int, lease_seconds: float) -> Taken | None:
        now = self.now()
        for source in self.claimable_set(run).runnable:
            rows = self.claimable(source, limit, now)
            if rows:
                break
        else:
            return None
        token: int = self.value("open_lease", worker=worker, expires=now + lease_seconds)
        if len(rows) == 1:  # to set up a list for IN costs more than the update
            self.run("take_one", token=token, job=rows[0][0])
        else:
            self.run("take_many", token=token, jobs=json.dumps([row[0] for row in rows]))
        if source.due:
            self.run("take_rate_slot", phase=source.phase, due=source.due)
        return token, rows, source.start

    def _end_lease(self, token: int) -> None:
        """Give back what a lease still holds, and close it."""
        if self.run("close_lease", token=token).rowcount == 0:
            self.run("release", token=token)
            self.run("close_lease", token=token)

    def _write_settlements(
        self, run: int, worker: int, token: int, settlements: Sequence[Settlement]
    ) -> None:
        """Each names job and token: whoever lost the lease finds none of its jobs under it."""
        at = clock.wall()
        done = [item for item in settlements if item.state == "done"]
        undone = [item for item in settlements if item.state != "done"]
        changed = self._settle_done(run, token, done, at) if done else 0
        for item in undone:
            row = _undone_row(item, token, at)
            changed += self.run("settle_undone", **row).rowcount
        if changed != len(settlements):
            raise _stale(token)
        for item in settlements:
            if item.record is not None:
                self.write_attempt(run, worker, item, item.record)
        outputs = [_output_row(item.job, output) for item in settlements for output in item.outputs]
        if outputs:
            self.run_many("record_output", outputs)
        for item in undone:
            if item.reason:
                self._record_failure(run, worker, item.job, item.reason)
            self.run("stop_run_if_failed", run=run, job=item.job)

    def _settle_done(self, run: int, token: int, done: Sequence[Settlement], at: float) -> int:
        facts = {"run": run, "token": token, "at": at}
        facts["seconds"] = sum(item.seconds for item in done) / len(done)
        if len(done) == 1:
            return self.run("settle_one", job=done[0].job, **facts).rowcount
        jobs = json.dumps([item.job for item in done])
        return self.run("settle_many", jobs=jobs, **facts).rowcount

    def _record_failure(self, run: int, worker: int, job: int, reason: Reason) -> None:
        self.run(
            "record_failure",
            job=job, run=run, worker=worker, at=clock.wall(),
            what=_legible(reason.what), context=_legible(reason.context),
            remedy=_legible(reason.remedy),
        )  # fmt: skip

    # -- reap ---------------------------------------------------------------------------

    def reap_worker(
        self,
        run: int,
        worker: int,
        job_in_flight: int | None,
        reason: Reason,
        *,
        charge: bool = True,
    ) -> list[str]:
        """Take back all that a dead worker held; only the job it was at is charged an attempt.

        Not even that without `charge`; it may have had an effect all the same.
        Returns the new state of the charged job, if there was one, in a list.
        """
        with self.immediate():
            tokens = [row["token"] for row in self.rows("leases_of", worker=worker)]
            return [
                state
                for token in tokens
                for state in self._reap(run, worker, token, job_in_flight, reason, charge=charge)
            ]

    def expired_leases(self) -> dict[int, int]:
        """The leases that have expired: token and worker."""
        return {row["token"]: row["worker"] for row in self.rows("expired_leases", now=self.now())}

    def expired(self) -> set[int]:
        """The tokens of the leases that have expired."""
        return set(self.expired_leases())

    def reap_expired(
        self,
        run: int,
        suspects: set[int],
        job_in_flight: Callable[[int], int | None],
        reason: Reason,
    ) -> list[int]:
        """Take back what is held under those of `suspects` that are expired still.

        One look is not enough: when a whole run was stopped and goes on (Ctrl+Z, `fg`), all
        leases are found expired before their holders could renew them. Returns the workers.
        """
        with self.immediate():
            rows = self.rows("expired_leases", now=self.now())
            expired = [row for row in rows if row["token"] in suspects]
            for row in expired:
                worker = row["worker"]
                self._reap(run, worker, row["token"], job_in_flight(worker), reason)
        return [row["worker"] for row in expired]

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
        self._end_lease(token)
        reached(Point.REAP_WRITTEN)
        return states

    def _charge(
        self, run: int, worker: int, token: int, job: int, reason: Reason, *, charge: bool
    ) -> list[str]:
        """What a worker's end means for the job it was at; its new state, if it has one by that."""
        states: list[str] = []
        if self.leave_uncertain(run, worker, token, job, charge=charge):
            states, reason = ["failed"], _unsure(reason)
        elif charge:
            charged = self.rows("charge_attempt", job=job, token=token, at=clock.wall())
            states = [row["state"] for row in charged]
        for _ in states:
            self._record_failure(run or self._latest_run(), worker, job, reason)
            self.run("stop_run_if_failed", run=run, job=job)
        return states

    def _latest_run(self) -> int:
        """For what is found out between two runs."""
        last = self.last_run()
        return int(last["id"]) if last else 0

    # -- runs and workers -----------------------------------------------------------------

    def start_run(
        self, workers: int, *, keep_going: bool, queues: Iterable[int] | None = None
    ) -> int:
        """Open a run; runs whose coordinator died are closed as abandoned.

        `queues` are the phases of those that it is about; None: all.
        """
        about = None if queues is None else json.dumps(sorted(queues))
        with self.immediate():
            self.run("end_abandoned_runs", at=clock.wall())
            facts = {"at": clock.wall(), "boot": clock.boot_id(), "workers": workers}
            return int(self.value("start_run", **facts, keep_going=keep_going, queues=about))

    def select(
        self,
        *,
        kinds: Iterable[str] | None = None,
        queues: Iterable[int] = (),
        documents: int | None = None,
    ) -> None:
        """Choose what the run is about: some kinds and queues, the first documents' jobs, or all."""
        with self.immediate():
            self.run("select_all_jobs")
            if kinds is not None:
                phases = json.dumps(sorted(queues))
                self.run("deselect_other_kinds", kinds=json.dumps(sorted(kinds)), phases=phases)
            if documents is not None:
                self.run("deselect_later_documents", limit=documents)

    def throttle_run(self, run: int, why: str | None) -> None:
        """No new claims for as long as there is a reason; None: go on."""
        with self.immediate():
            self.run("throttle_run", run=run, why=why)

    def stop_run(self, run: int) -> None:
        """No new claims in this run."""
        with self.immediate():
            self.run("stop_run", run=run)

    def end_run(self, run: int, outcome: str) -> None:
        """Close a run."""
        with self.immediate():
            self.run("end_run", run=run, at=clock.wall(), outcome=outcome)

    def start_worker(self, run: int, number: int, pid: int) -> int:
        """Register a worker process; returns its id, unique in the ledger."""
        with self.immediate():
            return int(self.value("start_worker", run=run, number=number, pid=pid, at=clock.wall()))

    def end_worker(self, worker: int, outcome: str) -> None:
        """Note how a worker ended."""
        with self.immediate():
            self.run("end_worker", worker=worker, at=clock.wall(), outcome=outcome)

    def latest_worker(self) -> int:
        """The id of the worker that registered itself last, or 0."""
        return int(self.value("latest_worker") or 0)

    def worker_of_number(self, run: int, number: int, after: int) -> int | None:
        """The id above `after` under which worker `number` registered itself, if it has."""
        worker: int | None = self.value("worker_of_number", run=run, number=number, after=after)
        return worker

    def open_workers(self) -> list[Row]:
        """(id, run, number, pid) of the workers that have not been seen to end."""
        return self.rows("open_workers")

    def recover_after_reboot(self) -> None:
        """After a restart of the machine the clock of leases began anew: no old time counts."""
        boot = clock.boot_id()
        if self.value("fact", name="boot") == boot:
            return
        with self.immediate():
            for row in self.rows("expired_leases", now=float("inf")):
                for job in self.rows("queue_jobs_under", token=row["token"]):
                    # which of them it was at nobody knows after a power cut
                    reason = Reason("the machine was restarted while a worker had this job")
                    self._charge(0, row["worker"], row["token"], job["id"], reason, charge=False)
                self._end_lease(row["token"])
            self.run("restart_clocks")
            self.run("restart_queues")
            self.run("set_fact", name="boot", value=boot)

    def live_leases(self) -> int:
        """How many leases are out."""
        return int(self.value("live_leases"))

    # -- retry ------------------------------------------------------------------------------

    def retry(
        self,
        *,
        failed_only: bool,
        kind: str | None = None,
        key: str | None = None,
        phase: int | None = None,
        uncertain: bool = False,
    ) -> int:
        """Put jobs back to pending with all their attempts; returns how many.

        `phase` is that of a queue. Jobs that may have had their effect, in queues that hold
        such, only with `uncertain`.
        """
        which = {"kind": kind, "key": key, "phase": phase}
        with self.immediate():
            if failed_only:
                return len(self.rows("retry", uncertain=uncertain, **which))
            rows = self.rows("retry_any", **which)
            # asked for on purpose: made again, and not passed over since nothing has changed
            jobs = [{"job": row["id"]} for row in rows]
            self.run_many("forget_inputs_of_job", jobs)
            self.run_many("forget_result", jobs)
            return len(rows)

    def requeue(self, jobs: Iterable[int]) -> int:
        """Put done jobs whose outputs were lost back to pending; returns how many."""
        with self.immediate():
            return sum(self.run("requeue", job=job).rowcount for job in jobs)

    def unproven_files(self) -> list[Row]:
        """(path, bytes, digest, job, kind) of what a run made that may not have reached the disk."""
        return self.rows("unproven_files", boot=clock.boot_id())

    def finished_outputs(self) -> list[Row]:
        """(path, bytes, job) of every output of every done job."""
        return self.rows("finished_outputs")

    # -- reports ----------------------------------------------------------------------------

    def counts(self) -> list[KindCount]:
        """Where the jobs stand, by phase and kind."""
        running = {(row["phase"], row["kind"]): row["n"] for row in self.rows("running_counts")}
        table: dict[tuple[int, str, str], dict[str, int]] = {}
        for row in self.rows("counts"):
            name = row["phase"], row["kind"], row["queue"]
            table.setdefault(name, {})[row["class"]] = row["n"]
        return [
            KindCount(
                phase=phase,
                kind=kind,
                pending=max(0, classes.get("open", 0) - running.get((phase, kind), 0)),
                deselected=classes.get("deselected", 0),
                running=running.get((phase, kind), 0),
                done=classes.get("done", 0),
                failed=classes.get("failed", 0),
                queue=queue,
            )
            for (phase, kind, queue), classes in table.items()
        ]

    def failures(self, limit: int = 1000) -> list[Failure]:
        """The last failure of every failed job, in plan order."""
        return [Failure(*row) for row in self.rows("failures", limit=limit)]

    def waiting(self, kinds: Iterable[str]) -> list[Row]:
        """(kind, jobs, bytes): what waits of these kinds, and the bytes that it will replace."""
        return self.rows("waiting_jobs", kinds=json.dumps(sorted(kinds)))

    def last_run(self) -> Row | None:
        """The latest run, if there was one."""
        rows = self.rows("last_run")
        return rows[0] if rows else None


def _legible(text: str) -> str:
    """Text that SQLite and terminals take: half a surrogate, which a job may say, is spelt out."""
    return text.encode("utf-8", "backslashreplace").decode()


def _stale(token: int) -> StaleLeaseError:
    return StaleLeaseError(
        f"lease {token} is no longer held",
        context="its jobs were given to another worker after it expired",
    )


def _as_claim(taken: Taken | None) -> Claim | None:
    """Rows as jobs; made after the transaction, so that nobody waits for it."""
    if taken is None:
        return None
    token, rows, start = taken
    return Claim(token, tuple(_job(*row) for row in rows), start)


def _job(job: int, kind: str, key: str, fingerprint: str, payload: str, *counts: int) -> Job:
    attempts, max_attempts, phase, *_ = counts
    facts = json.loads(payload) if payload != "{}" else {}
    return Job(job, kind, key, fingerprint, facts, attempts + 1, max_attempts, phase)


def _unsure(reason: Reason) -> Reason:
    return Reason(
        f"{reason.what}; whether it had its effect nobody knows",
        context=reason.context,
        remedy="look whether it did; then `ledger retry --uncertain` does it again, or "
        "`ledger cancel --uncertain` lets it be",
    )


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
