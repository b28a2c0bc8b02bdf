"""What queues have spent, said for people."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ledger.jobs import Spent
from ledger.queues.amounts import UNITS, as_money, as_rate
from ledger.store.limits import money_of
from ledger.store.rows import QueueRow

if TYPE_CHECKING:
    from ledger.store.claims import Store
    from ledger.store.connection import Row

SHOWN_PACES = 6


def spending(queue: Row) -> str:
    """`$3.12 spent of $25.00, 41,000 tokens`; "" where nothing costs anything."""
    parts = []
    priced = any(queue[name] is not None for name in ("price_in", "price_out", "price_call"))
    if priced or queue["money_ceiling"] is not None:
        of = f" of {as_money(queue['money_ceiling'])}" if queue["money_ceiling"] is not None else ""
        parts.append(f"{as_money(queue['money_spent'])} spent{of}")
    if queue["tokens_spent"] or queue["tokens_ceiling"] is not None:
        of = f" of {queue['tokens_ceiling']:,}" if queue["tokens_ceiling"] is not None else ""
        parts.append(f"{queue['tokens_spent']:,}{of} tokens")
    return ", ".join(parts)


def budget_report(store: Store, queue: Row) -> str:
    """That a budget is used up, and how to go on."""
    rows = store.rows("next_in_queue", phase=queue["phase"])
    need = ""
    if rows:
        spent = Spent(rows[0]["tokens_in"], rows[0]["tokens_out"], 1)
        need = f"; the next job may take {as_money(money_of(QueueRow(*queue), spent))}"
        if queue["money_ceiling"] is None:
            need = f"; the next job may take {spent.tokens_in + spent.tokens_out:,} tokens"
    option = "--budget" if queue["money_ceiling"] is not None else "--token-budget"
    return (
        f"the budget of {queue['name']} allows no more jobs: {spending(queue)}{need}\n"
        f"  remedy   ledger spawn --only {queue['name']}, and {option} with more: it goes on from here"
    )


def queue_status(store: Store, queue: Row) -> dict[str, Any]:
    """What there is to know of a queue beside its counts; JSON-able, money in the currency."""
    rate_changes = store.rows("rate_changes_of", phase=queue["phase"], limit=SHOWN_PACES)
    return {
        "name": queue["name"], "kind": queue["kind"], "spending": spending(queue),
        "money_spent": queue["money_spent"] / UNITS, "tokens_spent": queue["tokens_spent"],
        "budget": None if queue["money_ceiling"] is None else queue["money_ceiling"] / UNITS,
        "token_budget": queue["tokens_ceiling"], "exhausted": bool(queue["exhausted"]),
        "paused": bool(queue["paused"]), "after": json.loads(queue["after"]),
        "concurrency": queue["concurrency"], "policy": queue["policy"],
        "rate": None if queue["interval"] is None else 1 / queue["interval"],
        "rate_factor": queue["rate_factor"],
        "rate_changes": [[row["at"], row["per_second"], row["why"]] for row in reversed(rate_changes)],
    }  # fmt: skip


def queue_lines(queue: dict[str, Any]) -> list[str]:
    """A queue's state for people: a line, if there is something to say."""
    parts = [queue["spending"]] if queue["spending"] else []
    if queue["rate"] is not None:
        slowed = queue["rate_factor"] < 1.0
        parts.append(f"rate {as_rate(queue['rate'])}")
        if slowed:
            parts[-1] += f", now {as_rate(queue['rate'] * queue['rate_factor'])}"
    if queue["rate_changes"]:
        parts.append(
            "lately " + " → ".join(as_rate(speed) for _, speed, _ in queue["rate_changes"])
        )
    if queue["exhausted"]:
        parts.append("its budget allows no more")
    if queue["paused"]:
        parts.append("paused: ledger resume")
    if queue["after"]:
        parts.append(f"after {', '.join(queue['after'])}")
    return [f"{queue['name']}: {'; '.join(parts)}"] if parts else []
