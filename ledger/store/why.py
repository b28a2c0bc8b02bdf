"""Why a job is not claimed now: the rules of eligibility.py and requeue.py, applied to one job.

Reads only. The reasons are those that the claim itself finds, in its order; ledger/views/why.py has
the sentences.
"""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ledger.errors import LedgerError
from ledger.jobs import FIRST_QUEUE
from ledger.store.eligibility import (
    Obstacle,
    budget_obstacle,
    page_obstacle,
    queue_obstacle,
    room,
    run_obstacle,
    start_obstacle,
)
from ledger.store.limits import next_rate_slot
from ledger.store.queues import all_queues
from ledger.store.rows import FailureText, JobName, JobRow, QueueBefore

if TYPE_CHECKING:
    from ledger.store.rows import OpenQueueRow, QueueRow, RunRow, StandingRow
    from ledger.store.store import Store

NAMES_SEARCHED = 50_000
NAMES_SUGGESTED = 3


@dataclass(frozen=True, slots=True)
class Why:
    """A reason: an `Obstacle`, or a state of the job that claims skip; `facts` are JSON-able."""

    reason: str
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Explanation:
    """A job and the reasons why it is not claimed; none: nothing prevents it.

    `ahead` counts the jobs of its phase or queue that are claimed before it.
    """

    name: str
    state: str
    reasons: tuple[Why, ...]
    ahead: int = 0


def explain(store: Store, name: str, *, building: bool) -> list[Explanation]:
    """Explain the jobs of that name: `kind/key`, `queue/key`, or a key, which several may share.

    `building` is whether a coordinator is alive: a run that was killed has no end in the ledger.

    Raises:
        LedgerError: there is no such job; similar names are suggested.
    """
    queues = {queue.phase: queue for queue in all_queues(store)}
    jobs = _find(store, name, list(queues.values()))
    if not jobs:
        raise LedgerError(f"no job is called {name}", remedy=_suggest(store, name))
    inquiry = _Inquiry(store, queues, store.runs.latest() if building else None)
    return [inquiry.explain(job) for job in jobs]


# -- finding the job -------------------------------------------------------------------------


def _find(store: Store, name: str, queues: list[QueueRow]) -> list[JobRow]:
    kinds = [str(row[0]) for row in store.database.rows("kinds")]
    names = {(kind, name) for kind in kinds}
    names |= {
        (kind, name.removeprefix(f"{kind}/")) for kind in kinds if name.startswith(f"{kind}/")
    }
    names |= {(queue.kind, f"{queue.name}/{name}") for queue in queues}
    return store.database.read(JobRow, "jobs_named", names=json.dumps(sorted(names)))


def _suggest(store: Store, name: str) -> str:
    rows = store.database.read(JobName, "job_names", limit=NAMES_SEARCHED)
    if not rows:
        return "plan or add jobs first: ledger init, or ledger add"
    known = {key: full_name(kind, key, phase) for kind, key, phase in rows}
    known |= {each: each for each in known.values()}
    close = difflib.get_close_matches(name, known, n=NAMES_SUGGESTED)
    similar = dict.fromkeys(known[each] for each in close)
    return (
        f"did you mean {', or '.join(similar)}?"
        if similar
        else f"names are like {known[rows[0].key]}"
    )


def full_name(kind: str, key: str, phase: int) -> str:
    """`kind/key`, or for a job in a queue its key, which begins with the queue's name."""
    return key if phase >= FIRST_QUEUE else f"{kind}/{key}"


# -- the reasons -----------------------------------------------------------------------------


class _Inquiry:
    """A ledger at one moment, from which its jobs are explained."""

    def __init__(self, store: Store, queues: dict[int, QueueRow], run: RunRow | None) -> None:
        self.store = store
        self.queues = queues
        self.run = run if run is not None and run.ended_at is None else None
        self.now = store.now()
        self.standing: StandingRow = store.eligibility.standing(self.run.id if self.run else 0)
        self.open_queues = {row.queue.phase: row for row in store.eligibility.open_queues()}

    def explain(self, job: JobRow) -> Explanation:
        """The reasons why a job is not claimed."""
        name, queue = full_name(job.kind, job.key, job.phase), self.queues.get(job.phase)
        if job.state in ("done", "failed", "running"):
            return Explanation(name, job.state, (self._settled(job, queue),))
        reasons = [Why("deselected")] if job.state == "deselected" else []
        reasons += self._of_run()
        reasons += self._of_page(job) if queue is None else self._of_queue(job, queue)
        if job.not_before > self.now:
            reasons.append(Why("backoff", self._wait(job.not_before) | {"attempts": job.attempts}))
        which = {"phase": job.phase, "priority": job.priority, "job": job.id}
        ahead = int(self.store.database.value("jobs_ahead", now=self.now, **which))
        return Explanation(name, job.state, tuple(reasons), ahead)

    def _settled(self, job: JobRow, queue: QueueRow | None) -> Why:
        if job.state == "done":
            return Why("done", {"settled_at": job.settled_at})
        if job.state == "running":
            lease = {"lease": job.lease, "worker": job.number, "worker_id": job.worker}
            return Why("running", lease | self._wait(job.expires or 0.0))
        failures = self.store.database.read(FailureText, "last_failure", job=job.id)
        facts = {
            "attempts": job.attempts, "max_attempts": job.max_attempts,
            "what": failures[0].what if failures else "",
            "remedy": failures[0].remedy if failures else "",
        }  # fmt: skip
        parked = queue is not None and queue.policy == "park" and job.uncertain > 0
        return Why("parked" if parked else "failed", facts)

    def _of_run(self) -> list[Why]:
        obstacle = run_obstacle(self.standing)
        if self.run is None:  # the claim finds the same: a run that has ended counts as ending
            paused = [Why(Obstacle.ALL_PAUSED)] if self.standing.paused else []
            return [Why("no_run"), *paused]
        if obstacle is Obstacle.THROTTLED:
            return [Why(obstacle, {"why": self.standing.throttled})]
        return [Why(obstacle)] if obstacle else []

    def _of_page(self, job: JobRow) -> list[Why]:
        obstacle = page_obstacle(self.standing, job.phase)
        if obstacle is None:
            return []
        failed = obstacle is Obstacle.FAILED_PHASE
        phase = self.standing.failed_phase if failed else self.standing.open_phase
        kinds = [count for count in self.store.counts() if count.phase == phase]
        return [
            Why(obstacle, {
                "phase": phase,
                "kinds": [count.kind for count in kinds if count.failed or not failed],
                "jobs": sum(
                    count.failed if failed else count.pending + count.running for count in kinds
                ),
            })
        ]  # fmt: skip

    def _of_queue(self, job: JobRow, queue: QueueRow) -> list[Why]:
        row, facts = self.open_queues.get(job.phase), {"queue": queue.name}
        reasons = [] if row is None else self._of_open_queue(row, facts)
        start, _ = next_rate_slot(queue, self.now)
        obstacle = start_obstacle(queue, start, self.now)
        if obstacle is not None:
            reasons.append(Why(obstacle, facts | self._wait(start)))
        in_flight = self.store.eligibility.in_flight(job.phase)
        if room(queue, in_flight, 1) <= 0:
            limit = {"in_flight": in_flight.jobs, "concurrency": queue.concurrency}
            reasons.append(Why(Obstacle.CONCURRENCY, facts | limit))
        obstacle = budget_obstacle(queue, job, in_flight)
        if obstacle is not None and not queue.exhausted:
            reasons.append(Why(obstacle, facts | {"in_flight": in_flight.jobs}))
        return reasons

    def _of_open_queue(self, row: OpenQueueRow, facts: dict[str, Any]) -> list[Why]:
        obstacle = queue_obstacle(row)
        if obstacle is None:
            return []
        if obstacle not in (Obstacle.QUEUE_BEFORE, Obstacle.QUEUE_BEFORE_FAILED):
            return [Why(obstacle, facts)]
        before = self.store.database.read(QueueBefore, "queues_before", names=row.queue.after)
        waits = obstacle is Obstacle.QUEUE_BEFORE
        left = {each.name: each.open if waits else each.blocked for each in before}
        return [Why(obstacle, facts | {"before": {name: n for name, n in left.items() if n}})]

    def _wait(self, until: float) -> dict[str, float]:
        return {"seconds": round(max(0.0, until - self.now), 3)}
