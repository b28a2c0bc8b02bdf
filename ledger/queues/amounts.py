"""Amounts as people write them: money, tokens, rates, durations."""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from typing import NamedTuple

from ledger.errors import LedgerError

UNITS = 10**12
"""Money is counted in 10^-12 of its currency, so that the price of one token is a whole number."""

_PERIODS = {
    "s": 1,
    "sec": 1,
    "second": 1,
    "m": 60,
    "min": 60,
    "minute": 60,
    "h": 3600,
    "hour": 3600,
}
_PERIODS |= {"d": 86_400, "day": 86_400}
_MANY = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}
_LARGEST = 2**62


class Rate(NamedTuple):
    """A number of starts in a number of seconds."""

    starts: float
    seconds: float

    @property
    def interval(self) -> float:
        """Seconds between two starts."""
        return self.seconds / self.starts


def parse_rate(text: str) -> Rate:
    """Read a rate: `300/min`, `5/s`, `1000/h`, `2/10s`.

    Raises:
        LedgerError: it is not one.
    """
    match = re.fullmatch(r"([\d.]+)\s*/\s*([\d.]*)\s*([a-z]+)", text.strip().lower())
    try:
        if match and match[3] in _PERIODS:
            rate = Rate(float(match[1]), float(match[2] or 1) * _PERIODS[match[3]])
            if rate.starts > 0 and 0 < rate.interval < 366 * 86_400:
                return rate
    except ValueError:
        pass
    raise LedgerError(f"{text!r} is not a rate", remedy="write it as 300/min, 5/s or 1000/h")


def parse_money(text: str) -> int:
    """Read `25.00` or `$25` as 10^-12 units.

    Raises:
        LedgerError: it is not one.
    """
    try:
        amount = Decimal(text.strip().lstrip("$€£").strip())
    except InvalidOperation:
        amount = Decimal(-1)
    if not (amount.is_finite() and 0 <= amount * UNITS < _LARGEST):
        raise LedgerError(f"{text!r} is not an amount of money", remedy="write it as 25.00")
    return int((amount * UNITS).to_integral_value(ROUND_CEILING))


def parse_count(text: str) -> int:
    """Read `1500000`, `1.5M` or `200k`.

    Raises:
        LedgerError: it is not one.
    """
    match = re.fullmatch(r"([\d.]+)\s*([kmg]?)", text.strip().lower().replace("_", ""))
    try:
        number = float(match[1]) * _MANY[match[2]] if match else -1
    except ValueError:
        number = -1
    if not 0 <= number < _LARGEST:
        raise LedgerError(f"{text!r} is not a number", remedy="write it as 1500000, 200k or 1.5M")
    return int(number)


def price_a_token(per_million: float) -> int:
    """The price of one token in 10^-12 units, rounded up."""
    exact = Decimal(str(per_million)) * UNITS / 10**6
    return int(exact.to_integral_value(ROUND_CEILING))


def as_money(units: int) -> str:
    """10^-12 units for people, with more digits below ten cents."""
    amount = Decimal(units) / UNITS
    return f"${amount:,.2f}" if amount >= Decimal("0.1") or not units else f"${amount:.4f}"


def as_rate(per_second: float) -> str:
    """A rate for people, in the unit that gives a number of a good size."""
    if per_second >= 10:
        return f"{per_second:,.1f}/s"
    if per_second * 60 >= 1:
        return f"{per_second * 60:,.1f}/min"
    return f"{per_second * 3600:,.1f}/h"
