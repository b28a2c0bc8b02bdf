"""JSON Lines: one record of the poems schema per non-blank line."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from ledger.corpus.files import decode, parse_json, printable, read_bytes
from ledger.corpus.formats import Format
from ledger.corpus.records import RecordResult, read_record
from ledger.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ledger.corpus.settings import CorpusSettings

_REMEDY = 'make the line one whole object, such as {"id": 1, "content": "…"}'


def read_lines(path: Path, settings: CorpusSettings) -> Iterator[RecordResult]:
    """Read the records of a `.jsonl` or `.ndjson` file, optionally `.gz`, in file order."""
    name = printable(path.name)
    data = read_bytes(path, name)
    if isinstance(data, Problem):
        yield RecordResult(name, problems=(data,))
        return
    start = count = 0
    for number, line in enumerate(io.BytesIO(data), 1):
        if line.strip():
            count += 1
            where = f"{name} line {number} (record {count})"
            yield _read_line(line.removesuffix(b"\n"), where, start, settings)
        start += len(line)


def _read_line(line: bytes, where: str, start: int, settings: CorpusSettings) -> RecordResult:
    """Read the record on one line, which begins at byte `start` of its file."""
    text, problems = decode(line, where, start)
    raw = parse_json(text, where, _REMEDY)
    if isinstance(raw, Problem):  # bytes that are not UTF-8 explain why it is not JSON either
        return RecordResult(where, problems=tuple(problems or [raw]))
    return read_record(raw, where, settings).with_problems(problems)


FORMAT = Format(read_lines, suffixes=(".jsonl", ".ndjson"), packed=True)
