"""What queues have spent, said for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.bulk.amounts import as_money

if TYPE_CHECKING:
    from ledger.db import Row


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


def budget_report(queue: Row) -> str:
    """That a budget is used up, and how to go on."""
    more = "--budget" if queue["money_ceiling"] is not None else "--token-budget"
    return (
        f"the budget of {queue['name']} allows no more jobs: {spending(queue)}\n"
        f"  remedy   ledger spawn --only {queue['name']} {more} with more goes on from here"
    )
