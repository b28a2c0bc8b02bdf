"""Texts, times and durations in the form in which views show them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from ledger.text import duration

_COLOURS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_PICTURES = {code: 0x2400 + code for code in range(32) if chr(code) not in "\n\t"}
_NOWHERE = [*range(0x7F, 0xA0), *range(0xD800, 0xE000), *range(0xFDD0, 0xFDF0)]
_NOWHERE += [plane << 16 | end for plane in range(17) for end in (0xFFFE, 0xFFFF)]
_PICTURES |= dict.fromkeys(_NOWHERE, 0xFFFD)


def legible(text: str) -> str:
    """The output of a program without colours, and with signs for control characters."""
    return _COLOURS.sub("", text).replace("\r\n", "\n").translate(_PICTURES)


def moment(at: float) -> str:
    """A point in time, to the second."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def in_seconds(seconds: float) -> str:
    """A duration with three significant digits; from a minute on as `text.duration` has it."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.3g} ms"
    return f"{seconds:.3g} s" if seconds < 59.95 else duration(seconds)
