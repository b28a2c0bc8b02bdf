"""Attempts at jobs of queues: their records, their cost, and the rate that adapts to them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ledger.jobs import FIRST_QUEUE, Spent
from ledger.process import clock
from ledger.process.retry import is_parked
from ledger.store.limits import faster, is_a_step, money_of, rests_until, slower
from ledger.store.rows import JobLimits, QueueRow

if TYPE_CHECKING:
    from collections.abc import Callable

    from ledger.jobs import AttemptRecord, Settlement
    from ledger.store.connection import Database


class Attempts:
    """Records attempts, always inside the transaction that settles or reaps them."""

    def __init__(self, database: Database, now: Callable[[], float]) -> None:
        self.database = database
        self.now = now

    def result(self, job: int) -> Any:
        """The result of a job when it was last done from the same inputs; None if it never was."""
        text = self.database.value("result", job=job)
        return None if text is None else json.loads(text)

    def write_attempt(self, run: int, worker: int, item: Settlement, record: AttemptRecord) -> None:
        """Record a settled attempt, count its cost, and adapt the rate to it."""
        job = self.database.read(JobLimits, "job_limits", job=item.job)[0]
        queue = self._queue(job.phase)
        spent = record.spent
        if spent is None:
            spent = Spent(job.tokens_in, job.tokens_out, 1)
        outcome = {"pending": "again"}.get(item.state, item.state)
        facts = {"outcome": "uncertain" if record.uncertain else outcome, "worker": worker}
        facts |= {"run": run, "job": item.job, "seconds": item.seconds}
        noted = json.dumps(record.facts, ensure_ascii=False) if record.facts else "{}"
        self._record(queue, spent, started_at=record.started_at, facts=noted, **facts)
        if record.uncertain:
            self.database.run("mark_uncertain", job=item.job)
        if item.state == "done" and record.result is not None:
            self.database.run("record_result", job=item.job, value=_as_json(record.result))
        self._adapt(queue, record.rest, done=item.state == "done")

    def leave_uncertain(self, run: int, worker: int, token: int, job: int, *, charge: bool) -> bool:
        """Record that a worker ended during an attempt at a queue's job: its effect is in doubt.

        The whole reservation counts as spent. Returns whether the policy of the queue parks the job.
        """
        held = self.database.read(JobLimits, "job_limits", job=job)
        if not held or held[0].phase < FIRST_QUEUE or held[0].lease != token:
            return False
        queue = self._queue(held[0].phase)
        at = clock.wall()
        spent = Spent(held[0].tokens_in, held[0].tokens_out, 1)
        facts = {"run": run, "worker": worker, "job": job, "started_at": at, "seconds": 0.0}
        self._record(queue, spent, outcome="uncertain", facts="{}", **facts)
        self.database.run("mark_uncertain", job=job)
        if not is_parked(queue.policy):
            return False
        self.database.rows("park", job=job, token=token, at=at, charge=int(charge))
        return True

    def _queue(self, phase: int) -> QueueRow:
        return self.database.read(QueueRow, "queue", phase=phase)[0]

    def _record(self, queue: QueueRow, spent: Spent, **facts: Any) -> None:
        money = money_of(queue, spent)
        tokens = {"tokens_in": spent.tokens_in, "tokens_out": spent.tokens_out}
        self.database.run("record_attempt", money=money, **tokens, **facts)
        if money or any(tokens.values()):
            self.database.run("spend", phase=queue.phase, money=money, tokens=sum(tokens.values()))

    def _adapt(self, queue: QueueRow, rest: float | None, *, done: bool) -> None:
        """Slow the queue down when the server asks for a rest, and recover slowly afterwards."""
        if rest is None and not (done and queue.rate_factor < 1.0):
            return
        now = self.now()
        facts: dict[str, float] = {
            "rate_factor": queue.rate_factor, "slowed_at": queue.slowed_at,
            "due": queue.due, "resume_at": queue.resume_at,
        }  # fmt: skip
        rate_factor = faster(queue, 1) if rest is None else slower(queue, now)
        if rest is not None:
            facts |= rests_until(queue, now, rest)
            facts |= {"slowed_at": now} if rate_factor is not None else {}
        if rate_factor is not None:
            facts["rate_factor"] = rate_factor
            if rest is not None or is_a_step(queue.rate_factor, rate_factor):
                self._note_rate_change(
                    queue, rate_factor, "refused" if rest is not None else "recovering"
                )
        self.database.run("set_rate_factor", phase=queue.phase, **facts)

    def _note_rate_change(self, queue: QueueRow, rate_factor: float, why: str) -> None:
        if queue.interval is None:  # an adaptive queue has a rate
            return
        speed = rate_factor / queue.interval
        at = clock.wall()
        self.database.run("note_rate_change", phase=queue.phase, at=at, per_second=speed, why=why)


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
