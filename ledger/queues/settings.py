"""The settings of queues, in projects of every kind: `[llm]`, `[prices]`, and their rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ledger.errors import Problem
from ledger.project.settings import SETTINGS_FILE, FreeTable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ledger.project.settings import Settings, Table, WrongValue

MAX_PRICE = 1_000_000
PRICES = ("input", "output")


@dataclass(frozen=True)
class LlmSettings:
    """`[llm]`: the server for queues of kind llm, and where its key is."""

    url: str = "https://api.openai.com/v1"
    model: str = ""
    api_key_env: str = "OPENAI_API_KEY"
    api_key_file: str = ""
    max_tokens: int = 1024
    timeout: float = 120.0


TABLES: Mapping[str, Table] = {
    "llm": LlmSettings,
    "prices": FreeTable(
        dict[str, dict[str, float]],
        "prices, such as some-model = { input = 0.15, output = 0.60 }",
        {},
    ),
}


def check(settings: Settings) -> Iterator[WrongValue | Problem]:
    """Yield the values that are of the right type and still wrong."""
    llm: LlmSettings = settings.llm
    if llm.max_tokens < 1:
        yield "llm.max_tokens", llm.max_tokens, "1 or more"
    if llm.timeout <= 0:
        yield "llm.timeout", llm.timeout, "more than 0"
    for model, prices in settings.prices.items():
        for name, price in prices.items():
            where = f"prices.{model}.{name}"
            if name not in PRICES:
                remedy = f"known here: {', '.join(PRICES)}"
                yield Problem(f"{SETTINGS_FILE} {where}", "is not a setting", remedy)
            elif not 0 <= price <= MAX_PRICE:
                yield where, price, f"between 0 and {MAX_PRICE:,}"
