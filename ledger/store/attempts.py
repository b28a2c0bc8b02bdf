"""Attempts: every try at a job of a queue, what it cost, and what it says about the rate."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ledger.jobs import FIRST_QUEUE, Spent
from ledger.process import clock
from ledger.process.retry import is_parked
from ledger.store.eligibility import Eligibility
from ledger.store.limits import faster, is_a_step, money_of, rests_until, slower

if TYPE_CHECKING:
    from ledger.jobs import AttemptRecord, Settlement
    from ledger.store.connection import Row


class Attempts(Eligibility):
    """What is written of tries, always inside the transaction that settles or reaps them."""

    def result(self, job: int) -> Any:
        """What a job came to when it was last done from the same inputs; None if it never was."""
        text = self.value("result", job=job)
        return None if text is None else json.loads(text)

    def write_attempt(self, run: int, worker: int, item: Settlement, record: AttemptRecord) -> None:
        """Note a try at a job of a queue, what it cost, and what it says about the rate."""
        job = self.rows("job_limits", job=item.job)[0]
        queue = self.rows("queue", phase=job["phase"])[0]
        spent = record.spent
        if spent is None:
            spent = Spent(job["tokens_in"], job["tokens_out"], 1)
        outcome = {"pending": "again"}.get(item.state, item.state)
        facts = {"outcome": "uncertain" if record.uncertain else outcome, "worker": worker}
        facts |= {"run": run, "job": item.job, "seconds": item.seconds}
        noted = json.dumps(record.facts, ensure_ascii=False) if record.facts else "{}"
        self._record_attempt(queue, spent, started_at=record.started_at, facts=noted, **facts)
        if record.uncertain:
            self.run("mark_uncertain", job=item.job)
        if item.state == "done" and record.result is not None:
            self.run("record_result", job=item.job, value=_as_json(record.result))
        self._adapt(queue, record.rest, done=item.state == "done")

    def _record_attempt(self, queue: Row, spent: Spent, **facts: Any) -> None:
        money = money_of(queue, spent)
        tokens = {"tokens_in": spent.tokens_in, "tokens_out": spent.tokens_out}
        self.run("record_attempt", money=money, **tokens, **facts)
        if money or any(tokens.values()):
            self.run("spend", phase=queue["phase"], money=money, tokens=sum(tokens.values()))

    def _adapt(self, queue: Row, rest: float | None, *, done: bool) -> None:
        """Slow the queue down when the other side says so, and let it creep back afterwards."""
        if rest is None and not (done and queue["rate_factor"] < 1.0):
            return
        now, rate_factor = self.now(), None
        facts = {
            name: queue[name] for name in ("rate_factor", "slowed_at", "due", "resume_at", "phase")
        }
        if rest is not None:
            rate_factor = slower(queue, now)
            facts |= rests_until(queue, now, rest)
            facts |= {"slowed_at": now} if rate_factor is not None else {}
        elif done:
            rate_factor = faster(queue, 1)
        if rate_factor is not None:
            facts["rate_factor"] = rate_factor
            if rest is not None or is_a_step(queue["rate_factor"], rate_factor):
                why = "refused" if rest is not None else "recovering"
                speed = rate_factor / queue["interval"]
                self.run(
                    "note_rate_change",
                    phase=queue["phase"],
                    at=clock.wall(),
                    per_second=speed,
                    why=why,
                )
        self.run("set_rate_factor", **facts)

    def leave_uncertain(self, run: int, worker: int, token: int, job: int, *, charge: bool) -> bool:
        """A worker ended while it was at a job of a queue: nobody knows what came of it.

        What was reserved counts as spent. Returns whether the job is held, by its queue's policy.
        """
        held = self.rows("job_limits", job=job)
        if not held or held[0]["phase"] < FIRST_QUEUE or held[0]["lease"] != token:
            return False
        queue = self.rows("queue", phase=held[0]["phase"])[0]
        at = clock.wall()
        spent = Spent(held[0]["tokens_in"], held[0]["tokens_out"], 1)
        facts = {"run": run, "worker": worker, "job": job, "started_at": at, "seconds": 0.0}
        self._record_attempt(queue, spent, outcome="uncertain", facts="{}", **facts)
        self.run("mark_uncertain", job=job)
        if not is_parked(queue["policy"]):
            return False
        self.rows("park", job=job, token=token, at=at, charge=int(charge))
        return True


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
