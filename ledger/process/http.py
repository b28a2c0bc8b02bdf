"""Which HTTP answers ask for another try, and how long the server wants to be left alone first."""

from __future__ import annotations

import email.utils
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

TOO_MANY_REQUESTS = 429
BUSY = (408, 425, TOO_MANY_REQUESTS, 500, 502, 503, 504, 529)
"""Status codes of requests that may succeed later; 529 is how some paid APIs say "overloaded"."""

LONGEST_WAIT = 86_400.0
WAIT_HEADERS = (
    "retry-after", "x-ratelimit-reset-after", "ratelimit-reset", "x-ratelimit-reset-requests",
)  # fmt: skip


def requested_wait(headers: Mapping[str, str]) -> float:
    """Seconds that a server asks for, by Retry-After or a rate-limit header; 0 if it does not."""
    exact = _number(headers.get("retry-after-ms", ""))
    if exact is not None:
        return _bounded(exact / 1000)
    for name in WAIT_HEADERS:
        text = headers.get(name, "").strip()
        seconds = _number(text.removesuffix("s"))
        if seconds is not None:
            return _bounded(seconds)
        if text and (wait := retry_after(text)):
            return wait
    return 0.0


def retry_after(header: str) -> float:
    """Seconds that a Retry-After header asks for, a day at most; 0 when it makes no sense.

    The header holds seconds or a date.
    """
    if header.strip().isdecimal():
        return _bounded(float(header))
    try:
        when = email.utils.parsedate_to_datetime(header)
    except ValueError:
        return 0.0
    return _bounded((when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _number(text: str) -> float | None:
    """A finite number, or None: "inf" and "nan" are numbers to Python, and no header means them."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), LONGEST_WAIT)
