"""Turn one raw record into a Document, or into the list of everything wrong with it."""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from ledger.corpus.dates import parse_date
from ledger.corpus.document import Document
from ledger.corpus.files import Repeated, printable
from ledger.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from ledger.corpus.settings import CorpusSettings

DEFAULT_CATEGORY = "all"
DATE_FIELDS = ("creation_date", "created_at", "date")
MAX_NAME_BYTES = 1_000
MAX_LINE_BYTES = 10_000

# Unicode categories with no visible glyph: controls, format characters, separators, spaces.
_INVISIBLE = frozenset(["Cc", "Cf", "Zl", "Zp", "Zs"])

# Characters that HTML forbids even when escaped: controls other than white space, unpaired
# surrogates, and the noncharacters (such as the last two code points of each of 17 planes).
_NONCHARACTERS = "".join(
    f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0, 0x110000, 0x10000)
)
_FORBIDDEN = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufdd0-\ufdef" f"{_NONCHARACTERS}]"
)

_KINDS = MappingProxyType(
    {
        bool: "true or false",
        int: "a number",
        float: "a decimal number",
        list: "a list",
        dict: "a table",
        Repeated: "a table",
        type(None): "null",
        str: "text",
    }
)
_NO_LINES: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class RecordResult:
    """The result of reading one raw record: a document, or the problems that prevent it.

    `identity` is "" if the record does not contain a valid one.
    """

    where: str
    identity: str = ""
    document: Document | None = None
    problems: tuple[Problem, ...] = ()

    def with_problems(self, problems: Sequence[Problem]) -> RecordResult:
        """Return a copy that lists these problems, found elsewhere, before its own."""
        if not problems:
            return self
        return replace(self, document=None, problems=(*problems, *self.problems))


def read_record(
    raw: object, where: str, settings: CorpusSettings, lines: Mapping[str, int] = _NO_LINES
) -> RecordResult:
    """Read and validate one raw record, reporting all of its problems; never raises.

    `where` names its location; `lines` has the line on which each field begins, where known.
    """
    if not isinstance(raw, dict):
        remedy = 'write it as {"id": 1, "category": "all", "content": "…"}'
        return RecordResult(
            where, problems=(Problem(where, f"is {kind(raw)}, not a table", remedy),)
        )
    reading = _Reading(raw, where, lines)
    category, name = reading.category(), reading.id()
    if not reading.problems:
        reading.identity = f"{category}/{name}"
    if isinstance(raw, Repeated):
        reading.repeated(raw.field)
    title = reading.text("title")
    document = Document(
        category=category,
        id=name,
        content=reading.content(title, settings.max_document_bytes),
        title=title,
        date=reading.date(),
        source=reading.text("source"),
        author=reading.text("author"),
    )
    good = None if reading.problems else document
    return RecordResult(where, reading.identity, good, tuple(reading.problems))


def unix_newlines(text: str) -> str:
    """Convert Windows and old Mac line ends to newlines."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def is_blank(text: str) -> bool:
    """Whether a text has no visible character."""
    return not text[:1].isalnum() and all(
        unicodedata.category(letter) in _INVISIBLE for letter in text
    )


def kind(value: object) -> str:
    """Describe the type of a raw value; the value itself may be too large to show."""
    return _KINDS.get(type(value), f"a {type(value).__name__}")


class _Reading:
    """Reader of one raw record: returns its fields and collects their problems."""

    def __init__(self, raw: dict[str, object], where: str, lines: Mapping[str, int]) -> None:
        self.raw = raw
        self.where = where
        self.lines = lines
        self.identity = ""
        self.problems: list[Problem] = []

    def id(self) -> str:
        """Return the id as text: 1 and "1" are the same id."""
        value = self.raw.get("id")
        if value is None:
            self._note("id", "is missing", 'give it one of its own, such as "id": 12')
            return ""
        if type(value) is int:  # a bool is an int to isinstance
            return self._name("id", _digits(value))
        return self._name("id", value, wanted="text or a whole number")

    def category(self) -> str:
        """Return the category, DEFAULT_CATEGORY if the record has none."""
        value = self.raw.get("category")
        return DEFAULT_CATEGORY if value is None else self._name("category", value)

    def text(self, field: str) -> str:
        """Return an optional field of at most `MAX_LINE_BYTES`; "" if it is absent or blank."""
        value = self.raw.get(field)
        if value is None:
            return ""
        text = self._text(field, value, MAX_LINE_BYTES)
        if (size := _size(text)) > MAX_LINE_BYTES:
            what = f"has {size:,} bytes, more than the {MAX_LINE_BYTES:,} allowed"
            self._note(field, what, "shorten it, or move it into the content")
        return "" if is_blank(text) else text

    def content(self, title: str, limit: int) -> str:
        """Return the content, at most `limit` UTF-8 bytes; it may be blank if there is a title."""
        value = self.raw.get("content")
        if value is None:
            self._note("content", "is missing", 'give it a text, such as "content": "…"')
            return ""
        text = self._text("content", value, limit)
        if isinstance(value, str) and is_blank(text) and not title:
            remedy = f"give it a text or a title, or leave it out: {self._exclusion()}"
            self._note("content", "is empty, and there is no title", remedy)
        if (size := _size(text)) > limit:
            remedy = f"set [corpus] max_document_bytes = {size}, or {self._exclusion()}"
            self._note("content", f"has {size:,} bytes, more than the {limit:,} allowed", remedy)
        return text

    def date(self) -> datetime | None:
        """Return the date in the first date field that is not empty."""
        field = next((name for name in DATE_FIELDS if self.raw.get(name) not in (None, "")), "")
        try:
            return parse_date(self.raw.get(field))
        except ValueError as error:
            remedy = 'write it as "2024-05-31" or "2024-05-31T18:30:00Z", or leave it out'
            self._note(field, str(error), remedy)
            return None

    def repeated(self, field: str) -> None:
        """Report a repeated field: which of its values is meant cannot be known."""
        self._note(f"the field {printable(field[:40])}", "occurs twice", "keep the intended one")

    def _name(self, field: str, value: object, wanted: str = "text") -> str:
        """Return a part of the identity: text that is neither blank nor too long."""
        text = self._text(field, value, MAX_NAME_BYTES, wanted)
        if isinstance(value, str) and is_blank(text):
            self._note(field, "is empty", f"give it a {field} that is not blank")
        if (size := _size(text)) > MAX_NAME_BYTES:
            remedy = f"shorten it to at most {MAX_NAME_BYTES:,} bytes"
            self._note(field, f"has {size:,} bytes, more than any {field} needs", remedy)
        return text

    def _text(self, field: str, value: object, limit: int, wanted: str = "text") -> str:
        """Return the value with newlines as line ends, or "" if it is not text.

        Only the first `limit` characters are searched for forbidden ones: a longer text is
        refused for its size in any case.
        """
        if not isinstance(value, str):
            self._note(
                field, f"is {kind(value)}, not {wanted}", f"write {field} as text, in quotes"
            )
            return ""
        text = unix_newlines(value)
        if found := _forbidden(text[:limit]):
            problem, remedy = _problem(found[0])
            line = text.count("\n", 0, found.start()) + 1
            self._note(field, f"has {problem} at character {found.start() + 1}", remedy, line)
        return text

    def _note(self, field: str, what: str, remedy: str, line: int = 1) -> None:
        """Add a problem in the given line of a field."""
        where = self.where
        if self.lines:
            where += f" line {self.lines.get(field, 1) + line - 1}"
        if self.identity:
            where += f" ({printable(self.identity[:80])})"
        self.problems.append(Problem(where, f"{field} {what}", remedy))

    def _exclusion(self) -> str:
        """Return the line of ledger.toml that excludes the record; JSON strings are valid TOML."""
        identity = json.dumps(self.identity or "category/id", ensure_ascii=False)
        return f"[corpus] exclude = [{identity}]"


def forbidden(text: str) -> tuple[str, str] | None:
    """Return the problem and remedy of the first character that no page may hold, or None."""
    found = _forbidden(text)
    if found is None:
        return None
    problem, remedy = _problem(found[0])
    return f"has {problem} at character {found.start() + 1}", remedy


def _forbidden(text: str) -> re.Match[str] | None:
    """Find the first forbidden character; `isprintable` quickly clears texts without any."""
    return None if text.replace("\n", "").isprintable() else _FORBIDDEN.search(text)


def _problem(character: str) -> tuple[str, str]:
    """Return name and remedy of a forbidden character."""
    point = f"U+{ord(character):04X}"
    if character == "\0":
        return f"{point} (NUL)", "remove it"
    if "\ud800" <= character <= "\udfff":
        return f"the unpaired surrogate {point}", r"write the whole pair, such as \ud83d\ude00"
    return f"{point}, which no HTML page may hold", "remove it"


def _digits(number: int) -> str:
    """Format in decimal, or in hex above Python's limit of 4,300 decimal digits."""
    try:
        return str(number)
    except ValueError:
        return hex(number)


def _size(text: str) -> int:
    """Length in UTF-8 bytes."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
