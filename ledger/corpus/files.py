"""From a file to bytes, text and JSON; what goes wrong on the way comes back as a Problem."""

from __future__ import annotations

import gzip
import io
import json
import os
import stat
import zlib
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING

from ledger.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# More than a reader of reports reads; a file of a million bad lines has no fewer problems.
MAX_PROBLEMS = 1_000

# Texts pack to a tenth, and records that are nearly alike to a fiftieth; a file that is made
# to fill the memory packs to a thousandth.
MAX_PACKING = 200
ALWAYS_UNPACKED = 64 << 20
_PIECE = 1 << 20


class Repeated(dict[str, object]):
    """A JSON object that has a field twice: `field`. What it holds is only the last of each."""

    field: str


def read_bytes(path: Path, where: str) -> bytes | Problem:
    """The whole file, unpacked when its name ends in `.gz`.

    A pipe would be waited for, and a device never ends: neither is read.
    """
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return Problem(where, "is no file, but a pipe or a device", "put a file there")
            data = file.read()
        return _unpacked(data, where) if path.suffix.lower() == ".gz" else data
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        return Problem(where, f"is not a whole gzip file: {error}", "pack it again with gzip")
    except OSError as error:
        return Problem(where, f"cannot be read: {error.strerror}", "make it a readable file")
    except MemoryError:
        return Problem(where, "is larger than the memory", "split it, or make it smaller")


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


def decode_lines(data: bytes, name: str, most: int = MAX_PROBLEMS) -> tuple[str, list[Problem]]:
    """The text of a whole file, with a problem for each of its first lines that are not UTF-8."""
    text, problems = decode(data, name)
    if not problems:
        return text, []
    return text, list(islice(_bad_lines(data, name), most))


def parse_json(text: str, where: str, remedy: str) -> object | Problem:
    """The value that `text` says in JSON; an object with a field twice is a `Repeated`."""
    try:
        value: object = _DECODER.decode(text)
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
    """A name that can be shown anywhere: what is invisible or moves the cursor is written out."""
    if name.isprintable():
        return name
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")
        for letter in name
    )


def _without_waiting(path: str, flags: int) -> int:
    """Open as ever, but never wait for somebody to write to a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _unpacked(data: bytes, where: str) -> bytes | Problem:
    """What is packed in `data`, in pieces, so that a bomb is noticed before it has gone off.

    Not by `gzip.decompress`, which copies the rest of the file for every member of it.
    """
    most = max(ALWAYS_UNPACKED, MAX_PACKING * len(data))
    pieces, size = [], 0
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
        while piece := file.read(_PIECE):
            pieces.append(piece)
            size += len(piece)
            if size > most:
                what = f"holds more than {MAX_PACKING} times its own size, as no text does"
                return Problem(where, what, "unpack it yourself, if it is what it should be")
    return b"".join(pieces)


def _bad_lines(data: bytes, name: str) -> Iterator[Problem]:
    """One problem for each line that is not UTF-8."""
    start = 0
    for number, line in enumerate(io.BytesIO(data), 1):
        yield from decode(line, f"{name} line {number}", start)[1]
        start += len(line)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object as its parser sees it, where a field that comes twice is still seen."""
    made = dict(pairs)
    if len(made) == len(pairs):
        return made
    repeated = Repeated(made)
    repeated.field = Counter(key for key, _ in pairs).most_common(1)[0][0]
    return repeated


# One for all records: `json.loads` with a hook would make one for each.
_DECODER = json.JSONDecoder(object_pairs_hook=_object)
