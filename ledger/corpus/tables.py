"""TOML for settings and front matter, with one exception type for every failure."""

from __future__ import annotations

import re
import tomllib
from typing import Any

MAX_PARTS = 100

# tomllib takes time quadratic in the number of parts of a key: a minute for 100,000 characters
# of `a.a.a…`. The quantifiers are possessive, so this search does not backtrack and is linear.
_MANY_PARTS = re.compile(
    r"""(?<![\w\\-])(?:(?:[\w-]++|"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+)"""
    f"{{{MAX_PARTS}}}"
)


def parse_toml(text: str) -> dict[str, Any]:
    """Parse `text` as TOML.

    Raises:
        ValueError: it is invalid or exceeds a limit; the message names the cause and the line.
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
    except ValueError:  # Python refuses to convert integers of more than 4,300 digits
        raise ValueError("a number of too many digits to read") from None
