"""Read what the jobs are about: one item a job, from arguments, files, tables and matrices."""

from __future__ import annotations

import csv
import itertools
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ledger.errors import BadInputError, LedgerError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ledger.queues.options import AddOptions

Item = dict[str, Any]
ARGUMENTS = (":::", "::::")
"""What follows the first are values, what follows the second are files of values, a line each."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """A command, and the items that its jobs are about.

    `axes` are the fields of items that come from arguments and matrices, not from a table.
    """

    command: list[str]
    items: list[Item]
    axes: list[str]


def read_inputs(options: AddOptions) -> Inputs:
    """The command and the items that `ledger add` names.

    Raises:
        BadInputError: with every problem.
    """
    command, groups = split_arguments(options.words)
    items = read_items(
        groups,
        files=options.arg_file,
        table=options.input,
        matrix=options.matrix,
        null=options.null,
    )
    axes = [str(n) for n in range(1, len(groups) + len(options.arg_file) + 2)]
    axes += [text.partition("=")[0] for text in options.matrix]
    return Inputs(command, items, [axis for axis in axes if items and axis in items[0]])


def split_arguments(words: Sequence[str]) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """Split words into a command and what follows each `:::` or `::::`."""
    command: list[str] = []
    groups: list[tuple[str, list[str]]] = []
    for word in words:
        if word in ARGUMENTS:
            groups.append((word, []))
        elif groups:
            groups[-1][1].append(word)
        else:
            command.append(word)
    return command, groups


def read_items(
    groups: Sequence[tuple[str, list[str]]],
    *,
    files: Sequence[str] = (),
    table: str | None = None,
    matrix: Sequence[str] = (),
    null: bool = False,
) -> list[Item]:
    """Every combination of what is named: `:::` groups, files of values, a table, a matrix.

    Args:
        groups: from `split_arguments`; their values are called 1, 2 and so on.
        files: files of values, a line each, `-` for standard input; the numbers of their values continue from there.
        table: a .jsonl, .csv or .tsv file, or `-` for JSON lines from standard input.
        matrix: `NAME=a,b,c` or `NAME=@file` each.
        null: values in files end with NUL and not with the line.

    Raises:
        BadInputError: with every problem.
    """
    problems: list[Problem] = []
    axes: list[list[Item]] = [_table(table, problems)] if table is not None else []
    if null and not files and not any(sign == "::::" for sign, _ in groups):
        files = ["-"]
    lists = [_of_group(sign, words, problems, null=null) for sign, words in groups]
    lists += [_lines(name, problems, null=null) for name in files]
    axes += [[{str(n): value} for value in values] for n, values in enumerate(lists, start=1)]
    axes += [_axis(text, problems) for text in matrix]
    if problems:
        raise BadInputError(problems)
    return [_joined(parts) for parts in itertools.product(*axes)] if axes else [{}]


def _joined(parts: Iterable[Item]) -> Item:
    whole: Item = {}
    for part in parts:
        whole |= part
    return whole


def _of_group(sign: str, words: list[str], problems: list[Problem], *, null: bool) -> list[str]:
    if sign == ":::":
        return words
    return [value for name in words for value in _lines(name, problems, null=null)]


def _lines(name: str, problems: list[Problem], *, null: bool = False) -> list[str]:
    """The values of a file; bytes that are no text are kept as they are in file names."""
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        problems.append(Problem(name, f"cannot be read: {error.strerror}", "check the path"))
        return []
    parts = data.split(b"\0") if null else data.splitlines()
    return [os.fsdecode(part) for part in parts if part]


def _axis(text: str, problems: list[Problem]) -> list[Item]:
    """One dimension of a matrix."""
    name, sign, values = text.partition("=")
    if not (sign and name and values):
        what = "is not NAME=a,b,c or NAME=@file"
        problems.append(Problem(f"--matrix {text}", what, "as in --matrix lang=en,es,de"))
        return []
    found = _lines(values[1:], problems) if values.startswith("@") else values.split(",")
    return [{name: value.strip()} for value in found if value.strip()]


def _table(name: str, problems: list[Problem]) -> list[Item]:
    suffix = ".jsonl" if name == "-" else Path(name).suffix.lower()
    readers = {".jsonl": _json_lines, ".ndjson": _json_lines, ".csv": _csv, ".tsv": _csv}
    if suffix not in readers:
        what = "is not a .jsonl, .csv or .tsv file"
        problems.append(Problem(name, what, "rename it, or list values with :::"))
        return []
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        text = data.decode("utf-8-sig")
    except OSError as error:
        problems.append(Problem(name, f"cannot be read: {error.strerror}", "check the path"))
        return []
    except UnicodeDecodeError as error:
        problems.append(Problem(name, f"is not UTF-8 (byte {error.start})", "save it as UTF-8"))
        return []
    return list(readers[suffix](name, text, problems))


def _json_lines(name: str, text: str, problems: list[Problem]) -> Iterator[Item]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            item = json.loads(line)
        except ValueError as error:
            problems.append(Problem(f"{name}:{number}", f"is not JSON: {error}", "fix the line"))
            continue
        if isinstance(item, dict):
            yield item
        else:
            problems.append(Problem(f"{name}:{number}", "is not an object", "write {…} a line"))


def _csv(name: str, text: str, problems: list[Problem]) -> Iterator[Item]:
    delimiter = "\t" if name.lower().endswith(".tsv") else ","
    reader = csv.reader(text.splitlines(keepends=True), delimiter=delimiter, strict=True)
    try:
        header = next(reader, [])
        for row in reader:
            if row and len(row) != len(header):
                what = f"has {len(row)} fields, and the first line has {len(header)}"
                problems.append(Problem(f"{name}:{reader.line_num}", what, "fix the line"))
            elif row:
                yield dict(zip(header, row, strict=True))
    except csv.Error as error:
        where = f"{name}:{reader.line_num}"
        problems.append(Problem(where, f"is not CSV: {error}", "fix the line"))


def require_names(text: str, what: str) -> str:
    """A name for a queue: short, printable, without a slash, so that it can stand before a key.

    Raises:
        LedgerError: it is none.
    """
    if text and len(text) <= 60 and text.isprintable() and not set(text) & set("/=,: "):
        return text
    raise LedgerError(
        f"{text!r} is not {what}", remedy="use letters, digits, dots and dashes, as in thumbs"
    )
