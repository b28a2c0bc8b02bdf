"""Read a file into bytes, text and JSON; failures are returned as a Problem, not raised."""

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

# Problems reported per file: of a million bad lines, more would not help the reader of a report.
MAX_PROBLEMS = 1_000

# Text compresses to about 1/10 of its size and nearly identical records to 1/50; a
# decompression bomb compresses to 1/1000.
MAX_PACKING = 200
ALWAYS_UNPACKED = 64 << 20
_PIECE = 1 << 20


class Repeated(dict[str, object]):
    """A JSON object in which `field` occurs more than once; it holds the last value of each."""

    field: str


def read_bytes(path: Path, where: str) -> bytes | Problem:
    """Return the whole file, decompressed if its name ends in `.gz`.

    Pipes and devices are refused: reading a pipe may block, and a device may have no end.
    """
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return Problem(where, "is a pipe or a device, not a file", "put a file there")
            data = file.read()
        return _unpacked(data, where) if path.suffix.lower() == ".gz" else data
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        return Problem(where, f"is not a whole gzip file: {error}", "compress it again with gzip")
    except OSError as error:
        return Problem(where, f"cannot be read: {error.strerror}", "make it a readable file")
    except MemoryError:
        return Problem(where, "does not fit in memory", "split it, or make it smaller")


def decode(data: bytes, where: str, start: int = 0) -> tuple[str, list[Problem]]:
    """Decode `data`, which begins at byte `start` of its file, and drop a byte order mark.

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
    """Decode a whole file; report the first `most` lines that are not UTF-8 as problems."""
    text, problems = decode(data, name)
    if not problems:
        return text, []
    return text, list(islice(_bad_lines(data, name), most))


def parse_json(text: str, where: str, remedy: str) -> object | Problem:
    """Parse `text` as JSON; an object with a repeated field becomes a `Repeated`."""
    try:
        value: object = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        line = f"line {error.lineno}, " if "\n" in text else ""
        what = f"is not JSON: {error.msg} ({line}column {error.colno})"
        return Problem(where, what, remedy)
    except RecursionError:
        return Problem(where, "is JSON nested too deeply to read", remedy)
    except ValueError:  # Python refuses to convert integers of more than 4,300 digits
        return Problem(where, "holds a number of too many digits to read", remedy)
    return value


def printable(name: str) -> str:
    """Return a name that is safe to print: invisible and control characters are escaped."""
    if name.isprintable():
        return name
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")
        for letter in name
    )


def _without_waiting(path: str, flags: int) -> int:
    """Open as usual, but without waiting for a writer at the other end of a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _unpacked(data: bytes, where: str) -> bytes | Problem:
    """Decompress `data` piece by piece, so that a bomb is refused before it fills the memory.

    `gzip.decompress` is not used: it copies the rest of the file for every gzip member.
    """
    most = max(ALWAYS_UNPACKED, MAX_PACKING * len(data))
    pieces, size = [], 0
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
        while piece := file.read(_PIECE):
            pieces.append(piece)
            size += len(piece)
            if size > most:
                what = f"expands to more than {MAX_PACKING} times its size, which no text does"
                return Problem(where, what, "if the file is genuine, decompress it yourself")
    return b"".join(pieces)


def _bad_lines(data: bytes, name: str) -> Iterator[Problem]:
    """Yield one problem for each line that is not UTF-8."""
    start = 0
    for number, line in enumerate(io.BytesIO(data), 1):
        yield from decode(line, f"{name} line {number}", start)[1]
        start += len(line)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Build an object from its pairs, where a repeated field can still be detected."""
    made = dict(pairs)
    if len(made) == len(pairs):
        return made
    repeated = Repeated(made)
    repeated.field = Counter(key for key, _ in pairs).most_common(1)[0][0]
    return repeated


# Shared by all records: `json.loads` with a hook would build a decoder for each of them.
_DECODER = json.JSONDecoder(object_pairs_hook=_object)
