"""The limits of a queue, each declared once: its option, its keyword in the library, its column.

To add one, add a field here and a column to the table of queues (`ledger/store/queues.py`, LIMITS).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple, TypedDict, Unpack, get_type_hints


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit: the column that it sets, how its value is read, and how its option is shown.

    The type of the option follows from the type of the field that this annotates.
    """

    column: str
    help: str
    parse: Callable[[Any], Any] = lambda value: value
    metavar: str | None = None
    least: int | None = None


class Declared(NamedTuple):
    """A limit with its name, dashes in the option and underscores in the library, and its type."""

    name: str
    type: Any
    limit: Limit


# `amounts` is imported only when there is something to parse: `ledger --help` reads this module too
def _money(text: str) -> int:
    from ledger.queues.amounts import parse_money

    return parse_money(text)


def _ceiling(text: str) -> int | None:
    return None if text == "none" else _money(text)


def _token_ceiling(text: str) -> int | None:
    from ledger.queues.amounts import parse_count

    return None if text == "none" else parse_count(text)


def _interval(text: str) -> float | None:
    from ledger.queues.amounts import parse_rate

    return None if text == "none" else parse_rate(text).interval


def _policy(text: str) -> str:
    return "park" if text == "hold" else text


class SpawnLimits(TypedDict, total=False):
    """The limits that `ledger spawn` may change as well as `ledger add`."""

    budget: Annotated[
        str | None,
        Limit("money_ceiling", "The most to spend, as 25.00, or none.", _ceiling, "MONEY"),
    ]
    token_budget: Annotated[
        str | None,
        Limit("tokens_ceiling", "The most tokens, as 2M, or none.", _token_ceiling, "N"),
    ]
    rate: Annotated[
        str | None, Limit("interval", "Starts in a time, as 300/min, or none.", _interval, "N/TIME")
    ]
    burst: Annotated[
        int | None,
        Limit("burst", "Starts beyond the rate at once (default 1).", metavar="N", least=1),
    ]
    concurrency: Annotated[
        int | None,
        Limit(
            "concurrency", "The most of its jobs at once; 0: no limit.", lambda most: most or None,
            "N", least=0,
        ),
    ]  # fmt: skip
    adaptive: Annotated[
        bool | None,
        Limit("adaptive", "Halve the rate when the server answers 429, then raise it again.", int),
    ]


class QueueLimits(SpawnLimits, total=False):
    """The limits that `ledger add` and the library may set."""

    cost: Annotated[
        str | None,
        Limit("price_call", "What one attempt costs, for a budget.", _money, "MONEY"),
    ]
    after: Annotated[
        tuple[str, ...],
        Limit(
            "after", "Only when that queue is done; repeatable.",
            lambda names: json.dumps(list(names)), "NAME",
        ),
    ]  # fmt: skip
    uncertain: Annotated[
        Literal["retry", "park", "hold"] | None,
        Limit(
            "policy", "What to do about a job whose worker died during it (default retry; hold is "
            "the old name of park).", _policy,
        ),
    ]  # fmt: skip


def declared(limits: type) -> list[Declared]:
    """The limits of one of the classes above, in their order."""
    hints = get_type_hints(limits, include_extras=True)
    return [Declared(name, hint.__origin__, hint.__metadata__[0]) for name, hint in hints.items()]


def parse_limits(**named: Unpack[QueueLimits]) -> dict[str, Any]:
    """The limits that are named, as columns of the table of queues; None and () change nothing.

    Raises:
        LedgerError: a value cannot be read.
    """
    values: dict[str, Any] = dict(named)
    return {
        each.limit.column: each.limit.parse(values[each.name])
        for each in declared(QueueLimits)
        if values.get(each.name) not in (None, ())
    }
