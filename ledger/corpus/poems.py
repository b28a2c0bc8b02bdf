"""The poems schema: a JSON object with a list `poems`, or that list on its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.corpus.files import Repeated, decode_lines, parse_json, printable, read_bytes
from ledger.corpus.formats import Format
from ledger.corpus.records import RecordResult, kind, read_record
from ledger.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ledger.corpus.settings import CorpusSettings

_REMEDY = 'make it {"poems": [{"id": 1, "content": "…"}]}; with one object a line, name it .jsonl'


def read_poems(path: Path, settings: CorpusSettings) -> Iterator[RecordResult]:
    """Read the records of a `.json` or `.json.gz` file, in file order."""
    name = printable(path.name)
    data = read_bytes(path, name)
    if isinstance(data, Problem):
        yield RecordResult(name, problems=(data,))
        return
    text, problems = decode_lines(data, name)
    if problems:
        yield RecordResult(name, problems=tuple(problems))
    poems = _poems(text, name)
    if isinstance(poems, list):
        for number, raw in enumerate(poems, 1):
            yield read_record(raw, f"{name} record {number}", settings)
    elif not problems:  # bytes that are not UTF-8 explain why it is not JSON either
        yield RecordResult(name, problems=(poems,))


def _poems(text: str, name: str) -> list[object] | Problem:
    """Return the raw records in the text of a file."""
    value = parse_json(text, name, _REMEDY)
    if isinstance(value, Problem):
        return value
    if isinstance(value, Repeated):
        return Problem(name, f"has {value.field[:40]!r} twice", "merge the two")
    if isinstance(value, dict) and "poems" not in value:
        return Problem(name, 'has no "poems"', _REMEDY)
    poems = value["poems"] if isinstance(value, dict) else value
    if isinstance(poems, list):
        return poems
    return Problem(name, f"is {kind(poems)} where the list of poems should be", _REMEDY)


FORMAT = Format(read_poems, suffixes=(".json",), packed=True)
