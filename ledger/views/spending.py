"""The spend, rates and state of queues, in words and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ledger.jobs import Spent
from ledger.queues.amounts import UNITS, as_money, as_rate
from ledger.store.limits import money_of
from ledger.store.queues import next_job
from ledger.views.snapshot import QueueState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ledger.store.rows import QueueRow, RateChange
    from ledger.store.store import Store

SHOWN_RATE_CHANGES = 6


def read_rate_changes(
    store: Store, queue: QueueState, limit: int = SHOWN_RATE_CHANGES
) -> tuple[RateChange, ...]:
    """The latest changes of a queue's rate, the oldest of them first."""
    return tuple(reversed(store.reports.rate_changes_of(queue.phase, limit)))


def spending(queue: QueueState) -> str:
    """`$3.12 spent of $25.00, 41,000 tokens`; "" where nothing costs anything."""
    parts = []
    if queue.priced or queue.money_ceiling is not None:
        of = f" of {as_money(queue.money_ceiling)}" if queue.money_ceiling is not None else ""
        parts.append(f"{as_money(queue.money_spent)} spent{of}")
    if queue.tokens_spent or queue.tokens_ceiling is not None:
        of = f" of {queue.tokens_ceiling:,}" if queue.tokens_ceiling is not None else ""
        parts.append(f"{queue.tokens_spent:,}{of} tokens")
    return ", ".join(parts)


def spending_of(queues: Iterable[QueueState]) -> list[str]:
    """The spend of each queue that has some."""
    return list(filter(None, map(spending, queues)))


def rate_in_use(queue: QueueState) -> float | None:
    """Starts a second that are allowed at present; None: no limit."""
    return None if queue.rate is None else queue.rate * queue.rate_factor


def budget_report(store: Store, row: QueueRow) -> str:
    """Report a queue's used-up budget, and how to continue."""
    queue, need = QueueState.of(row), ""
    job = next_job(store, queue.phase)
    if job is not None:
        spent = Spent(job.tokens_in, job.tokens_out, 1)
        need = f"; the next job may take {as_money(money_of(row, spent))}"
        if queue.money_ceiling is None:
            need = f"; the next job may take {spent.tokens_in + spent.tokens_out:,} tokens"
    option = "--budget" if queue.money_ceiling is not None else "--token-budget"
    return (
        f"the budget of {queue.name} allows no more jobs: {spending(queue)}{need}\n"
        f"  remedy   ledger spawn --only {queue.name}, and {option} with more: it continues from here"
    )


def queue_as_dict(queue: QueueState, rate_changes: Sequence[RateChange]) -> dict[str, Any]:
    """A queue for `--json`, beside its counts; money in the currency."""
    return {
        "name": queue.name, "kind": queue.kind, "spending": spending(queue),
        "money_spent": queue.money_spent / UNITS, "tokens_spent": queue.tokens_spent,
        "budget": None if queue.money_ceiling is None else queue.money_ceiling / UNITS,
        "token_budget": queue.tokens_ceiling, "exhausted": queue.exhausted,
        "paused": queue.paused, "after": list(queue.after),
        "concurrency": queue.concurrency, "policy": queue.policy,
        "rate": queue.rate, "rate_factor": queue.rate_factor,
        "rate_changes": [list(change) for change in rate_changes],
    }  # fmt: skip


def queue_lines(queue: QueueState, rate_changes: Sequence[RateChange]) -> list[str]:
    """A queue's state for people: a line, if there is something to say."""
    parts = [spending(queue)] if spending(queue) else []
    rate = rate_in_use(queue)
    if queue.rate is not None and rate is not None:
        slowed = f", now {as_rate(rate)}" if queue.rate_factor < 1.0 else ""
        parts.append(f"rate {as_rate(queue.rate)}{slowed}")
    if rate_changes:
        rates = " → ".join(as_rate(change.per_second) for change in rate_changes)
        parts.append(f"lately {rates}")
    if queue.exhausted:
        parts.append("its budget allows no more")
    if queue.paused:
        parts.append("paused: ledger resume")
    if queue.after:
        parts.append(f"after {', '.join(queue.after)}")
    return [f"{queue.name}: {'; '.join(parts)}"] if parts else []
