"""Numbers and texts in words."""

from __future__ import annotations

import pytest

from ledger.text import duration, first_words, speed


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (843.2, "843 jobs/s"),
        (2, "2.0 jobs/s"),
        (0.5, "30 jobs/min"),
        (1 / 600, "6.0 jobs/h"),
        (0, "0.0 jobs/h"),
    ],
)
def test_speed(rate: float, text: str) -> None:
    """Rates are said in the unit that reads well."""
    assert speed(rate) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59.6, "1 min 00 s"), (3_720, "1 h 02 min")]
)
def test_duration(seconds: float, text: str) -> None:
    """Seconds are said as a person says them."""
    assert duration(seconds) == text


def test_first_words() -> None:
    """A document cannot send the terminal anything but its words."""
    assert first_words("  One\n\ttwo \x1b]0;title\x07 three") == "One two  ]0;title  three"
