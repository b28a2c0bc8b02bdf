"""TOML, as settings and front matter hold it, with one error for all that can be wrong."""

from __future__ import annotations

import re
import tomllib
from typing import Any

MAX_PARTS = 100

# tomllib's work grows with the square of a key's parts: 100,000 characters of `a.a.a…` are a
# minute of it. No quantifier here gives anything back, so that the search is linear.
_MANY_PARTS = re.compile(
    r"""(?<![\w\\-])(?:(?:[\w-]++|"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+)"""
    f"{{{MAX_PARTS}}}"
)


def parse_toml(text: str) -> dict[str, Any]:
    """The table that `text` says in TOML.

    Raises:
        ValueError: it says none, or too much of one; the message says what and where.
    """
    if found := _MANY_PARTS.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise ValueError(f"a key of more than {MAX_PARTS} parts (at line {line})")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise
    except RecursionError:
        raise ValueError("nested too deeply to read") from None
    except ValueError:  # Python converts no whole number of thousands of digits
        raise ValueError("a number of too many digits to read") from None
