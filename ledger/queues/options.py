"""What `ledger add` and the library are asked for: a record of it, and the limits as columns."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from ledger.queues.amounts import parse_count, parse_money, parse_rate


@dataclass(frozen=True, slots=True)
class AddOptions:
    """What `ledger add` was asked for; the names are those of its options."""

    name: str
    kind: str = "command"
    words: tuple[str, ...] = ()
    out: str = ""
    key: str = ""
    matrix: tuple[str, ...] = ()
    arg_file: tuple[str, ...] = ()
    input: str | None = None
    null: bool = False
    shell: bool = False
    ok_codes: str = "0"
    timeout: float | None = None
    retries: int | None = None
    priority: int = 0
    existing: str = "refuse"
    replace: bool = False
    dry_run: bool = False
    prompt: str | None = None
    system: str | None = None
    schema: str | None = None
    model: str = ""
    url: str = ""
    embed: bool = False
    max_tokens: int | None = None
    temperature: float | None = None
    method: str = ""
    header: tuple[str, ...] = ()
    body: str = ""
    key_env: str | None = None
    key_file: str = ""
    cost: str | None = None
    limits: dict[str, Any] = field(default_factory=dict)


def parse_limits(
    *,
    budget: str | None = None,
    token_budget: str | None = None,
    rate: str | None = None,
    burst: int | None = None,
    concurrency: int | None = None,
    adaptive: bool | None = None,
    after: tuple[str, ...] | None = None,
    policy: str | None = None,
) -> dict[str, Any]:
    """The limits that were named, as the columns of `queues`."""
    limits: dict[str, Any] = {}
    if budget is not None:
        limits["money_ceiling"] = None if budget == "none" else parse_money(budget)
    if token_budget is not None:
        limits["tokens_ceiling"] = None if token_budget == "none" else parse_count(token_budget)  # noqa: S105  no password
    if rate is not None:
        limits["interval"] = None if rate == "none" else parse_rate(rate).interval
    if burst is not None:
        limits["burst"] = burst
    if concurrency is not None:
        limits["concurrency"] = concurrency or None
    if adaptive is not None:
        limits["adaptive"] = int(adaptive)
    if after:
        limits["after"] = json.dumps(list(after))
    if policy is not None:
        limits["policy"] = "park" if policy == "hold" else policy
    return limits
