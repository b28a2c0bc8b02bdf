"""From a file to bytes, text and JSON; what goes wrong on the way comes back as a Problem."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import TYPE_CHECKING

from ledger.failures import Problem

if TYPE_CHECKING:
    from pathlib import Path


def read_bytes(path: Path, where: str) -> bytes | Problem:
    """The whole file, unpacked when its name ends in `.gz`."""
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if path.suffix.lower() == ".gz" else data
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        return Problem(where, f"is not a whole gzip file: {error}", "pack it again with gzip")
    except OSError as error:
        return Problem(where, f"cannot be read: {error.strerror}", "make it a readable file")


def decode(data: bytes, where: str, start: int = 0) -> tuple[str, list[Problem]]:
    """The text of `data`, which begins at byte `start` of its file, without a byte order mark.

    Invalid bytes become U+FFFD, so that the rest can still be checked, and one problem
    names the first of them.
    """
    try:
        return data.decode("utf-8").removeprefix("\ufeff"), []
    except UnicodeDecodeError as error:
        byte = f"byte {start + error.start} of the file (0x{data[error.start]:02x})"
        remedy = "save the file as UTF-8, for example with iconv -f LATIN1 -t UTF-8"
        problem = Problem(where, f"{byte} is not UTF-8", remedy)
        return data.decode("utf-8", "replace").removeprefix("\ufeff"), [problem]


def decode_lines(data: bytes, name: str) -> tuple[str, list[Problem]]:
    """The text of a whole file, with one problem for each of its lines that is not UTF-8."""
    text, problems = decode(data, name)
    if not problems:
        return text, []
    problems, start = [], 0
    for number, line in enumerate(data.split(b"\n"), 1):
        problems += decode(line, f"{name} line {number}", start)[1]
        start += len(line) + 1
    return text, problems


def parse_json(text: str, where: str, remedy: str) -> object | Problem:
    """The value that `text` says in JSON."""
    try:
        value: object = json.loads(text)
    except json.JSONDecodeError as error:
        line = f"line {error.lineno}, " if "\n" in text else ""
        what = f"is not JSON: {error.msg} ({line}column {error.colno})"
        return Problem(where, what, remedy)
    except RecursionError:
        return Problem(where, "is JSON nested too deeply to read", remedy)
    except ValueError:  # Python converts no whole number of thousands of digits
        return Problem(where, "holds a number of too many digits to read", remedy)
    return value


def printable(name: str) -> str:
    """A file name that can be printed, whatever bytes it is made of."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
