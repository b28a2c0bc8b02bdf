"""Front matter of posts, in the dialects of Jekyll, Hugo, Zola, Eleventy and Pelican."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

import yaml

from ledger.corpus.notes import FRONT_MATTER, MAX_FRONT_MATTER, OPENING, line_in
from ledger.corpus.tables import parse_toml
from ledger.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_VALUES = 2_000

# Our name of each field, with its names in other generators; the first that is present counts.
NAMES = {
    "title": ("title",),
    "date": ("date", "publishdate", "created"),
    "updated": ("updated", "lastmod", "last_modified_at", "modified"),
    "slug": ("slug",),
    "url": ("url", "permalink", "path"),
    "tags": ("tags", "tag"),
    "categories": ("categories", "category"),
    "authors": ("authors", "author"),
    "language": ("lang", "language", "locale"),
    "draft": ("draft",),
    "summary": ("summary", "description", "excerpt"),
    "aliases": ("aliases", "redirect_from"),
    "layout": ("layout", "template"),
    "image": ("image", "images", "cover", "featured_image", "thumbnail"),
    "translation": ("translationkey", "translation_key", "translation"),
    "macros": ("macros",),
}
_FIELD = {theirs: ours for ours, names in NAMES.items() for theirs in names}
_RANK = {theirs: rank for names in NAMES.values() for rank, theirs in enumerate(names)}
_PELICAN = re.compile(
    r"[A-Za-z][A-Za-z_]*:[^\n]*\n(?:(?:[A-Za-z][A-Za-z_]*:| {4,})[^\n]*\n)*(?:[ \t]*\n|\Z)"
)
_PELICAN_LINE = re.compile(r"([A-Za-z][A-Za-z_]*):[ \t]*(.*)")
_PELICAN_NAMES = {
    "title",
    "date",
    "category",
    "tags",
    "slug",
    "author",
    "authors",
    "summary",
    "status",
}
_REMEDY = "write it as `title: …` lines between two --- lines"


@dataclass(slots=True)
class Matter:
    """The front matter of one file.

    `fields` has values by our names, `extra` all other fields, and `lines` the line of each of
    `fields`. `body` is the rest of the text, which begins on line `body_line`.
    """

    fields: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    body: str = ""
    body_line: int = 1
    problems: list[Problem] = field(default_factory=list)

    def line(self, name: str) -> int:
        """Return the line of one of our fields; 1 if the field is absent."""
        return self.lines.get(name, 1)


def split(text: str, where: str) -> Matter:
    """Split a text into front matter and body; errors are collected in `Matter.problems`."""
    matter = Matter(body=text)
    if fenced := FRONT_MATTER.match(text):
        inner, end = fenced[2], fenced.end()
        read = _yaml if fenced[1] == "---" else _toml
    elif OPENING.match(text):
        what = "the front matter that its first line opens is never closed"
        matter.problems.append(Problem(f"{where} line 1", what, _REMEDY))
        return matter
    elif text.startswith("{\n") and (closed := text.find("\n}\n")) > 0:
        inner, end, read = text[: closed + 2], closed + 3, _json
    elif (headed := _PELICAN.match(text)) and _is_pelican(headed[0]):
        inner, end, read = headed[0], headed.end(), _pelican
    else:
        return matter
    matter.body = text[end:]
    matter.body_line = text.count("\n", 0, end) + 1
    if len(inner) > MAX_FRONT_MATTER:
        what = f"front matter has {len(inner):,} characters, more than {MAX_FRONT_MATTER:,}"
        remedy = "keep only what is about the post there"
        matter.problems.append(Problem(f"{where} line 1", what, remedy))
        return matter
    pairs = read(inner, where)
    if isinstance(pairs, Problem):
        matter.problems.append(pairs)
    else:
        _sort(pairs, matter)
    return matter


Pair = tuple[str, Any, int]


def _sort(pairs: Iterable[Pair], matter: Matter) -> None:
    """Store fields under our names, and flatten Zola's tables. The last of repeated fields counts."""
    rank: dict[str, int] = {}
    for name, value, line in pairs:
        lower = name.lower()
        if lower == "extra" and isinstance(value, dict):
            matter.extra |= value
        elif lower == "taxonomies" and isinstance(value, dict):
            _sort(((key, inner, line) for key, inner in value.items()), matter)
        elif lower == "published" and str(value).lower() in _BOOLS:
            matter.fields["draft"] = not _BOOLS[str(value).lower()]
        elif lower == "status" and value in ("draft", "published", "hidden"):
            matter.fields["draft"] = value == "draft"
        elif (ours := _FIELD.get(lower)) is None:
            matter.extra[name] = value
        elif value not in (None, "") and _RANK[lower] <= rank.get(ours, _RANK[lower]):
            matter.fields[ours], matter.lines[ours], rank[ours] = value, line, _RANK[lower]


def _yaml(text: str, where: str) -> list[Pair] | Problem:
    """Parse YAML front matter into pairs."""
    try:
        root = yaml.compose(text, Loader=yaml.CBaseLoader)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or str(error).split("\n", maxsplit=1)[0]
        line = mark.line + 2 if mark else 1
        return Problem(f"{where} line {line}", f"front matter is not YAML: {what}", _REMEDY)
    if root is None:
        return []
    if not isinstance(root, yaml.MappingNode):
        return Problem(f"{where} line 2", "front matter is not a table of fields", _REMEDY)
    budget = [MAX_VALUES]
    try:
        return [
            (
                key.value,
                _value(value, budget, text=key.value.lower() in _FIELD),
                key.start_mark.line + 2,
            )
            for key, value in root.value
            if isinstance(key, yaml.ScalarNode)
        ]
    except OverflowError:
        what = f"front matter holds more than {MAX_VALUES:,} values"
        return Problem(f"{where} line 1", what, "keep only what is about the post there")


_NULLS = frozenset(["", "~", "null", "Null", "NULL"])
_BOOLS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def _value(node: yaml.Node, budget: list[int], *, text: bool) -> Any:
    """Convert a node; with `text`, scalars stay literal: YAML 1.1 reads 0042 as 34 and No as false."""
    budget[0] -= 1
    if budget[0] < 0:  # a few lines of aliases can expand to a billion values
        raise OverflowError
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, budget, text=text) for item in node.value]
    if isinstance(node, yaml.MappingNode):
        return {
            key.value: _value(value, budget, text=False)
            for key, value in node.value
            if isinstance(key, yaml.ScalarNode)
        }
    value: str = node.value
    if node.style:  # type: ignore[attr-defined]  # quoted, so always text
        return value
    if value in _NULLS:
        return None
    if text:
        return value
    known = _BOOLS.get(value.lower()) if len(value) <= 5 else None
    return _number(value) if known is None else known


def _number(text: str) -> Any:
    """Return a number if the text is one that JSON can represent, else the text."""
    if text[0] not in "0123456789+-.":
        return text
    try:
        return int(text) if len(text) < 20 and text.lstrip("+-").isdigit() else _finite(float(text))
    except ValueError:
        return text


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise ValueError
    return number


def _toml(text: str, where: str) -> list[Pair] | Problem:
    """Parse TOML front matter into pairs."""
    try:
        table = parse_toml("\n" + text)  # the newline stands for the fence, so line numbers fit
    except ValueError as error:
        return Problem(
            f"{where} line {line_in(error)}", f"front matter is not TOML: {error}", _REMEDY
        )
    lines: dict[str, int] = {}
    for number, line in enumerate(text.split("\n"), 2):
        lines.setdefault(line.partition("=")[0].strip().strip("\"'"), number)
    return [(key, _jsonable(value), lines.get(key, 1)) for key, value in table.items()]


def _jsonable(value: Any) -> Any:
    """Convert a TOML value to JSON types, with dates as text."""
    if isinstance(value, dict):
        return {key: _jsonable(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_jsonable(inner) for inner in value]
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _json(text: str, where: str) -> list[Pair] | Problem:
    """Parse JSON front matter, which Hugo supports, into pairs."""
    try:
        table = json.loads(text)
    except (ValueError, RecursionError) as error:
        return Problem(f"{where} line 1", f"front matter is not JSON: {error}", _REMEDY)
    return [(key, _jsonable(value), 1) for key, value in table.items()]


def _is_pelican(head: str) -> bool:
    """Whether lines of `Name: text` are front matter rather than the beginning of the text."""
    names = {match[1].lower() for line in head.split("\n") if (match := _PELICAN_LINE.match(line))}
    return "title" in names and names <= _PELICAN_NAMES | _FIELD.keys()


def _pelican(text: str, where: str) -> list[Pair]:
    """Parse a Pelican header into pairs; its lists are separated by semicolons or commas."""
    del where
    pairs: list[Pair] = []
    for number, line in enumerate(text.split("\n"), 1):
        if match := _PELICAN_LINE.match(line):
            name, value = match[1], match[2].strip()
            several = name.lower() in ("tags", "authors")
            cut = ";" if ";" in value else ","
            parts = [part.strip() for part in value.split(cut) if part.strip()]
            pairs.append((name, parts if several else value, number))
    return pairs
