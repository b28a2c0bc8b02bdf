"""Numbers and texts, formatted for people."""

from __future__ import annotations

SNIPPET_LENGTH = 160


def speed(rate: float) -> str:
    """Jobs per second, minute or hour, whichever gives a readable number."""
    for unit, seconds in (("s", 1), ("min", 60), ("h", 3600)):
        number = rate * seconds
        if number >= 1 or unit == "h":
            break
    return f"{number:,.0f} jobs/{unit}" if number >= 10 else f"{number:.1f} jobs/{unit}"


def duration(seconds: float) -> str:
    """Seconds as hours, minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def counted(number: int, noun: str) -> str:
    """`1 job`, `2 jobs`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def first_words(text: str) -> str:
    """The beginning of a text, on one line."""
    return printable(" ".join(text[:SNIPPET_LENGTH].split()))


def printable(text: str) -> str:
    """`text` on one line, without the characters that control a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
