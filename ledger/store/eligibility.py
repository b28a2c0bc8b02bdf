"""Eligibility: from where jobs may be claimed now, within what limits queues; and whether to wait."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ledger.jobs import Spent
from ledger.process import clock
from ledger.store.connection import Database, Row
from ledger.store.limits import (
    CLAIM_AHEAD_SECONDS,
    Amount,
    at_once,
    has_budget,
    lateness,
    money_of,
    next_rate_slot,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

POLL_SECONDS = 0.02
LIMITED_SECONDS = 0.1
IDLE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a worker that got nothing should do: leave (`over`), or ask again after `wait` seconds."""

    over: bool
    wait: float


@dataclass(frozen=True, slots=True)
class Runnable:
    """Where jobs may be claimed: a phase, and of a queue when, and its bucket after that."""

    phase: int
    queue: Row | None = None
    start: float = 0.0
    due: float = 0.0

    def rank(self) -> tuple[int, int]:
        """The most urgent first; the site's pages and equal queues in the order of their phases."""
        urgency = self.queue["urgency"] if self.queue is not None else 0
        return -(urgency or 0), self.phase


@dataclass(frozen=True, slots=True)
class ClaimableSet:
    """From where jobs may be claimed, and whether nothing ever will be in this run."""

    runnable: tuple[Runnable, ...]
    over: bool


class Eligibility(Database):
    """A ledger with the clock of leases, as far as one looks before one claims."""

    def __init__(
        self, path: Path, *, read_only: bool = False, now: Callable[[], float] = clock.now
    ) -> None:
        super().__init__(path, read_only=read_only)
        self.now = now

    def outlook(self, run: int) -> Outlook:
        """Whether there will ever be something to claim in this run, and when to look again."""
        claimable_set = self.claimable_set(run)
        if claimable_set.over:
            return Outlook(over=True, wait=0.0)
        times = [self._next_look(runnable) for runnable in claimable_set.runnable]
        return Outlook(over=False, wait=min(times, default=IDLE_SECONDS))

    def _next_look(self, runnable: Runnable) -> float:
        """In how many seconds there may be something to claim in a runnable that had nothing."""
        now, due = self.now(), self.value("next_due", phase=runnable.phase) or 0.0
        wait = max(runnable.start - CLAIM_AHEAD_SECONDS, due) - now
        # a queue with jobs that are due waits for its own to end: who settles takes the next
        return max(POLL_SECONDS if runnable.queue is None else LIMITED_SECONDS, wait)

    def may_begin(self, phase: int, start: float) -> bool:
        """Just before an effect: whether a job that was to begin at `start` still may.

        Not if its queue was paused or told to rest meanwhile, nor if it is so late that it would
        run together with those of later turns; it is given back then, and takes another turn.
        """
        queue = self.queue(phase)
        if queue is None:
            return True
        now = self.now()
        rests = queue["paused"] or queue["resume_at"] > now
        return not rests and now - start <= lateness(queue)

    def queue(self, phase: int) -> Row | None:
        """The queue whose jobs are in that phase; None for the site's."""
        rows = self.rows("queue", phase=phase)
        return rows[0] if rows else None

    def claimable_set(self, run: int) -> ClaimableSet:
        """From where jobs may be claimed now, and whether there is any use in waiting."""
        row = self.rows("claimable_set", run=run)[0]
        if row["stopping"]:
            return ClaimableSet((), over=True)
        phase, failed = row["open_phase"], row["failed_phase"]
        blocked = failed is not None and phase is not None and failed < phase
        runnable = [] if phase is None or blocked else [Runnable(phase)]
        over = not runnable
        if row["queues"]:
            now = self.now()
            queues = [queue for queue in self.rows("open_queues") if not is_stuck(queue)]
            over = over and not queues
            open_ = [queue for queue in queues if not (queue["paused"] or queue["waits"])]
            urgent = [
                Runnable(queue["phase"], queue, *next_rate_slot(queue, now)) for queue in open_
            ]
            runnable = sorted([*runnable, *urgent], key=Runnable.rank)
        if row["throttled"] or row["paused"]:
            runnable = []
        return ClaimableSet(tuple(runnable), over=over)

    def claimable(self, runnable: Runnable, limit: int, now: float) -> list[Row]:
        """The jobs of a runnable that may be taken now, within what limits its queue."""
        queue = runnable.queue
        if queue is None:
            return self.rows("claimable", phase=runnable.phase, now=now, limit=limit)
        if runnable.start > now + CLAIM_AHEAD_SECONDS:
            return []
        in_flight = self.rows("in_flight_in_queue", phase=runnable.phase)[0]
        if queue["concurrency"] is not None:
            limit = min(limit, queue["concurrency"] - in_flight["jobs"])
        limit = min(limit, 1) if at_once(queue) else limit
        rows = (
            self.rows("claimable", phase=runnable.phase, now=now, limit=limit) if limit > 0 else []
        )
        return rows if not rows or self._affords(queue, rows[0], in_flight) else []

    def _affords(self, queue: Row, job: Row, in_flight: Row) -> bool:
        """Whether the budget allows the job, with all that others have reserved.

        If it never will, the queue is exhausted; if it may once those have settled, it waits.
        """
        if not has_budget(queue):
            return True
        need, spent = _needed(queue, job, 1), Amount(queue["money_spent"], queue["tokens_spent"])
        reserved = _needed(queue, in_flight, in_flight["jobs"])
        if (spent + reserved + need).fits(queue):
            return True
        if not in_flight["jobs"] or not (spent + need).fits(queue):
            self.run("exhaust", phase=queue["phase"])
        return False


def is_stuck(queue: Row) -> bool:
    """Whether no waiting will help: its budget is used up, or what comes before it has failed."""
    return bool(queue["exhausted"] or (queue["blocked"] and not queue["waits"]))


def _needed(queue: Row, limits: Row, calls: int) -> Amount:
    """The most that jobs may take, by what `limits` says of them."""
    spent = Spent(limits["tokens_in"], limits["tokens_out"], calls)
    return Amount(money_of(queue, spent), spent.tokens_in + spent.tokens_out)
