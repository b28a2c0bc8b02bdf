"""Eligibility: which jobs may be claimed now, what prevents the others, and how long to wait.

The functions that return an `Obstacle` are the rules. The claim follows them inside its transaction,
and `ledger why` (ledger/store/why.py) applies the same functions to one job.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from ledger.jobs import Spent
from ledger.store.limits import (
    CLAIM_AHEAD_SECONDS,
    Amount,
    at_once,
    has_budget,
    lateness,
    money_of,
    next_rate_slot,
)
from ledger.store.rows import ClaimedRow, InFlightRow, OpenQueueRow, QueueRow, StandingRow

if TYPE_CHECKING:
    from collections.abc import Callable

    from ledger.store.connection import Database
    from ledger.store.rows import JobRow

POLL_SECONDS = 0.02
LIMITED_SECONDS = 0.1
IDLE_SECONDS = 1.0


class Obstacle(StrEnum):
    """What prevents a claim."""

    ENDING = "run_ending"
    THROTTLED = "throttled"
    ALL_PAUSED = "all_paused"
    EARLIER_PHASE = "earlier_phase"
    FAILED_PHASE = "failed_phase"
    EXHAUSTED = "budget_exhausted"
    QUEUE_BEFORE_FAILED = "queue_before_failed"
    QUEUE_PAUSED = "queue_paused"
    QUEUE_BEFORE = "queue_before"
    REST = "rest"
    RATE = "rate"
    CONCURRENCY = "concurrency"
    RESERVED = "budget_reserved"


FOR_GOOD = frozenset({Obstacle.EXHAUSTED, Obstacle.QUEUE_BEFORE_FAILED})
"""The obstacles that last until the end of the run."""


class Outlook(NamedTuple):
    """What a worker without a claim should do: exit (`over`), or try again after `wait` seconds."""

    over: bool
    wait: float


class Runnable(NamedTuple):
    """A source of jobs: a phase; for a queue also its next start, and its bucket after that."""

    phase: int
    queue: QueueRow | None = None
    start: float = 0.0
    due: float = 0.0
    urgency: int = 0

    def rank(self) -> tuple[int, int]:
        """The most urgent first; the site's pages and equal queues in the order of their phases."""
        return -self.urgency, self.phase


class ClaimableSet(NamedTuple):
    """The sources of jobs, and whether there will never be one in this run."""

    runnable: tuple[Runnable, ...]
    over: bool


# -- the rules -------------------------------------------------------------------------------


def run_obstacle(standing: StandingRow) -> Obstacle | None:
    """What prevents all claims of a run."""
    if standing.stopping:
        return Obstacle.ENDING
    if standing.throttled:
        return Obstacle.THROTTLED
    return Obstacle.ALL_PAUSED if standing.paused else None


def page_obstacle(standing: StandingRow, phase: int) -> Obstacle | None:
    """What prevents claims from a phase of the site; one phase is open at a time."""
    first = phase if standing.open_phase is None else standing.open_phase
    if standing.failed_phase is not None and standing.failed_phase < first:
        return Obstacle.FAILED_PHASE
    return Obstacle.EARLIER_PHASE if first < phase else None


def queue_obstacle(row: OpenQueueRow) -> Obstacle | None:
    """What prevents claims from a queue, whatever its rate."""
    if row.queue.exhausted:
        return Obstacle.EXHAUSTED
    if row.blocked and not row.waits:
        return Obstacle.QUEUE_BEFORE_FAILED
    if row.queue.paused:
        return Obstacle.QUEUE_PAUSED
    return Obstacle.QUEUE_BEFORE if row.waits else None


def start_obstacle(queue: QueueRow, start: float, now: float) -> Obstacle | None:
    """What prevents a claim for the next start of a queue."""
    if start <= now + CLAIM_AHEAD_SECONDS:
        return None
    return Obstacle.REST if queue.resume_at > now + CLAIM_AHEAD_SECONDS else Obstacle.RATE


def room(queue: QueueRow, in_flight: InFlightRow, limit: int) -> int:
    """How many jobs of a queue may be claimed together, of `limit` that are asked for."""
    if queue.concurrency is not None:
        limit = min(limit, queue.concurrency - in_flight.jobs)
    return min(limit, 1) if at_once(queue) else limit


def budget_obstacle(
    queue: QueueRow, job: ClaimedRow | JobRow, in_flight: InFlightRow
) -> Obstacle | None:
    """Whether the budget prevents a job, with all that the jobs in flight have reserved.

    Reserved: it may fit once those have settled. Exhausted: it never will.
    """
    if not has_budget(queue):
        return None
    need, spent = _needed(queue, job, 1), Amount(queue.money_spent, queue.tokens_spent)
    if (spent + _needed(queue, in_flight, in_flight.jobs) + need).fits(queue):
        return None
    if not in_flight.jobs or not (spent + need).fits(queue):
        return Obstacle.EXHAUSTED
    return Obstacle.RESERVED


def _needed(queue: QueueRow, limits: ClaimedRow | JobRow | InFlightRow, calls: int) -> Amount:
    """The most that jobs may spend, by `limits`."""
    spent = Spent(limits.tokens_in, limits.tokens_out, calls)
    return Amount(money_of(queue, spent), spent.tokens_in + spent.tokens_out)


# -- applied to a ledger ---------------------------------------------------------------------


class Eligibility:
    """The rules, applied to a ledger at a time on the clock of leases."""

    def __init__(self, database: Database, now: Callable[[], float]) -> None:
        self.database = database
        self.now = now

    def outlook(self, run: int) -> Outlook:
        """Whether there will be anything more to claim in this run, and when to try again."""
        claimable_set = self.claimable_set(run)
        if claimable_set.over:
            return Outlook(over=True, wait=0.0)
        times = [self._next_look(runnable) for runnable in claimable_set.runnable]
        return Outlook(over=False, wait=min(times, default=IDLE_SECONDS))

    def _next_look(self, runnable: Runnable) -> float:
        """The seconds until a source that had no job to claim may have one."""
        now = self.now()
        due = self.database.value("next_due", phase=runnable.phase) or 0.0
        wait = max(runnable.start - CLAIM_AHEAD_SECONDS, due) - now
        # A queue with due jobs waits for its jobs in flight: the worker that settles claims the next.
        return max(POLL_SECONDS if runnable.queue is None else LIMITED_SECONDS, wait)

    def may_begin(self, phase: int, start: float) -> bool:
        """Whether a job that was claimed for `start` may still begin; asked just before its effect.

        Not if its queue was paused or has to rest meanwhile, nor if it is so late that it would
        run together with jobs of later starts. It is then released, and gets another start.
        """
        queue = self.queue(phase)
        if queue is None:
            return True
        now = self.now()
        rests = queue.paused or queue.resume_at > now
        return not rests and now - start <= lateness(queue)

    def queue(self, phase: int) -> QueueRow | None:
        """The queue whose jobs are in that phase; None for the site's."""
        rows = self.database.read(QueueRow, "queue", phase=phase)
        return rows[0] if rows else None

    def standing(self, run: int) -> StandingRow:
        """What all claims of a run depend on."""
        return self.database.read(StandingRow, "claimable_set", run=run)[0]

    def open_queues(self) -> list[OpenQueueRow]:
        """The queues with open jobs, the most urgent first."""
        return [
            OpenQueueRow(QueueRow(*row[:-3]), *row[-3:])
            for row in self.database.rows("open_queues")
        ]

    def claimable_set(self, run: int) -> ClaimableSet:
        """The sources that may be claimed from now, and whether this run will have no more."""
        standing = self.standing(run)
        obstacle = run_obstacle(standing)
        if obstacle is Obstacle.ENDING:
            return ClaimableSet((), over=True)
        runnable: list[Runnable] = []
        phase = standing.open_phase
        if phase is not None and page_obstacle(standing, phase) is None:
            runnable.append(Runnable(phase))
        over = not runnable
        if standing.queues:
            sources, waits = self._runnable_queues()
            runnable = sorted([*runnable, *sources], key=Runnable.rank)
            over = over and not waits
        return ClaimableSet(() if obstacle else tuple(runnable), over=over)

    def _runnable_queues(self) -> tuple[list[Runnable], bool]:
        """The queues that may be claimed from, and whether any has jobs that can still be done."""
        now, waits, sources = self.now(), False, []
        for row in self.open_queues():
            obstacle = queue_obstacle(row)
            waits = waits or obstacle not in FOR_GOOD
            if obstacle is None:
                start, due = next_rate_slot(row.queue, now)
                sources.append(Runnable(row.queue.phase, row.queue, start, due, row.urgency or 0))
        return sources, waits

    def in_flight(self, phase: int) -> InFlightRow:
        """The jobs of a queue that are under a lease."""
        return self.database.read(InFlightRow, "in_flight_in_queue", phase=phase)[0]

    def claimable(self, runnable: Runnable, limit: int, now: float) -> list[ClaimedRow]:
        """The jobs of a source that may be taken now, within the limits of its queue."""
        queue, phase = runnable.queue, runnable.phase
        if queue is None:
            return self._due_jobs(phase, limit, now)
        if start_obstacle(queue, runnable.start, now):
            return []
        in_flight = self.in_flight(phase)
        limit = room(queue, in_flight, limit)
        rows = self._due_jobs(phase, limit, now) if limit > 0 else []
        obstacle = budget_obstacle(queue, rows[0], in_flight) if rows else None
        if obstacle is Obstacle.EXHAUSTED:
            self.database.run("exhaust", phase=phase)
        return [] if obstacle else rows

    def _due_jobs(self, phase: int, limit: int, now: float) -> list[ClaimedRow]:
        return self.database.read(ClaimedRow, "claimable", phase=phase, now=now, limit=limit)
