"""The limits of a queue: its rate, the number of its jobs in flight, and its budget.

Arithmetic on one row of `queues`, done inside the transaction that claims, so that the limits hold
for all processes together. Times are on the clock of leases, money in 10^-12 units.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ledger.jobs import Spent
    from ledger.store.rows import QueueRow

CLAIM_AHEAD_SECONDS = 1.0
"""How long before its start a job may be claimed. The worker that claims it sleeps until then, so
each waiting worker wakes once, at a time of its own, instead of all of them at every start."""

SLOWEST = 1 / 64
SLOWER = 0.5
FASTER = 0.01
"""AIMD: a refusal halves the rate, every success restores a hundredth of the full rate."""

REMEMBERED_STEP = 0.1


class RateSlot(NamedTuple):
    """When the next job may start, and the bucket's theoretical arrival time after it."""

    start: float
    due: float


def next_rate_slot(queue: QueueRow, now: float) -> RateSlot:
    """The next start that the rate allows: a generic cell rate algorithm (ITU-T I.371).

    Half of the burst is kept back for starts that are late and so come close together. No burst
    follows a rest that the server asked for.
    """
    # With T = interval, B = burst and h = ceil(B / 2), at a constant rate: the scheduled starts
    # conform to a burst of h, so a window of w seconds has at most h + w / T of them. A start is at
    # most (B - h) * T late (`lateness`), so the starts that begin within w were scheduled within
    # w + (B - h) * T. Hence the server sees at most h + (w + (B - h) * T) / T = B + w / T: exactly
    # rate and burst. With B = 1 nothing is left to keep back, and `lateness` allows one interval
    # all the same, since no start is ever quite on time: there the server may see 2 + w / T.
    now = max(now, queue.resume_at)
    if queue.interval is None:
        return RateSlot(now, 0.0)
    interval = queue.interval / queue.rate_factor
    due = max(queue.due, now) + interval
    return RateSlot(max(now, due - (queue.burst + 1) // 2 * interval), due)


def lateness(queue: QueueRow) -> float:
    """How late a start may be, in seconds: what the kept part of the burst covers, at least an interval."""
    if queue.interval is None:
        return math.inf
    spare = max(1, queue.burst - (queue.burst + 1) // 2)
    return float(spare * queue.interval / queue.rate_factor)


def rests_until(queue: QueueRow, now: float, seconds: float) -> dict[str, float]:
    """The bucket of a queue after its server asked for a rest of that many seconds."""
    resume = max(queue.resume_at, now + seconds)
    credit = (queue.burst - 1) * (queue.interval or 0.0) / queue.rate_factor
    return {"resume_at": resume, "due": max(queue.due, resume + credit)}


def slower(queue: QueueRow, now: float) -> float | None:
    """The rate_factor after a refusal; None if it was just halved for the same burst of refusals."""
    if not (queue.adaptive and queue.interval):
        return None
    moment = max(1.0, 2 * queue.interval / queue.rate_factor)
    if now - queue.slowed_at < moment and queue.slowed_at > 0:
        return None
    return float(max(SLOWEST, queue.rate_factor * SLOWER))


def faster(queue: QueueRow, successes: int) -> float | None:
    """The rate_factor after that many successes; None if it is full already."""
    if queue.rate_factor >= 1.0 or not queue.adaptive:
        return None
    return float(min(1.0, queue.rate_factor + successes * FASTER))


def is_a_step(before: float, after: float) -> bool:
    """Whether a change of rate_factor belongs in the history: each tenth of the full rate does."""
    return int(before / REMEMBERED_STEP) != int(after / REMEMBERED_STEP) or after >= 1.0 > before


def money_of(queue: QueueRow, spent: Spent) -> int:
    """The cost in units; without a price it is nothing (with a budget `spawn` refuses that)."""
    return int(
        spent.tokens_in * (queue.price_in or 0)
        + spent.tokens_out * (queue.price_out or 0)
        + spent.calls * (queue.price_call or 0)
    )


class Amount(NamedTuple):
    """An amount that a queue has spent or reserved, or that a job may need."""

    money: int = 0
    tokens: int = 0

    def __add__(self, other: Amount) -> Amount:  # type: ignore[override]  # a sum, not a longer tuple
        return Amount(self.money + other.money, self.tokens + other.tokens)

    def fits(self, queue: QueueRow) -> bool:
        """Whether it is within the ceilings."""
        return (queue.money_ceiling is None or self.money <= queue.money_ceiling) and (
            queue.tokens_ceiling is None or self.tokens <= queue.tokens_ceiling
        )


def has_budget(queue: QueueRow) -> bool:
    """Whether a ceiling is set."""
    return queue.money_ceiling is not None or queue.tokens_ceiling is not None


def at_once(queue: QueueRow) -> bool:
    """Whether its jobs are claimed one by one: a start or a reservation is for a job that runs now."""
    return queue.interval is not None or has_budget(queue) or queue.resume_at > 0
