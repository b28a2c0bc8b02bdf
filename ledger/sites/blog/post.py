"""Posts and pages, as read from their files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import orjson

from ledger.corpus.dates import parse_date
from ledger.corpus.files import decode_lines
from ledger.errors import Problem
from ledger.fingerprint import digest_bytes, fingerprint
from ledger.sites.blog import front_matter, markdown
from ledger.sites.blog.addresses import address
from ledger.text import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ledger.project.settings import Settings
    from ledger.sites.blog.files import File
    from ledger.sites.blog.front_matter import Matter

SUMMARY_CHARACTERS = 200
# Increment when files are read differently: posts stored in the ledger are then read again.
VERSION = 1

_DATED = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:-(.+))?")
# Characters that are not allowed in HTML or XML; line feed and tab are allowed.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff\ud800-\udfff]")
_FOREIGN = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|^ {0,3}\{:.*?\}[ \t]*$", re.MULTILINE)
_COMMA = re.compile(r"\s*,\s*")


@dataclass(slots=True)
class Post:
    """The contents of one file. `date` is None for a page; `links` are targets within the site.

    `stamp` identifies the version of the file that was read; it is empty if the file changed too
    recently for that. `body` is empty for a post from the ledger, whose file was not read again.
    """

    source: str
    language: str
    name: str
    translation: str
    section: str
    folders: list[str]
    title: str
    date: str | None
    updated: str | None
    url: str
    summary: str
    tags: list[str]
    categories: list[str]
    authors: list[str]
    aliases: list[str]
    layout: str
    image: str
    links: list[str]
    extra: dict[str, Any]
    body_line: int
    macros: bool
    draft: bool
    intro: bool
    instant: float
    mark: str
    text_digest: str
    stamp: list[Any]
    notes: list[list[str]]
    body: str = ""

    @property
    def identity(self) -> str:
        """Return language and file without its suffix; unique in a site."""
        return f"{self.language}/{self.source.removesuffix('.md')}"

    def as_json(self) -> str:
        """Serialise all fields but the body, which the ledger stores separately."""
        kept = [getattr(self, name) for name in _KEPT]
        return orjson.dumps([FORMAT, *kept]).decode("utf-8")

    @classmethod
    def from_json(cls, text: str) -> Post | None:
        """Restore a post from `as_json`; None if another version of the program wrote it."""
        mark, *kept = orjson.loads(text)
        return cls(*kept) if mark == FORMAT else None


_KEPT = tuple(name for name in Post.__slots__ if name != "body")
FORMAT = fingerprint(VERSION, _KEPT)


class Reader:
    """Reader of files as posts; collects their errors in `problems`.

    `languages` maps lower-case spellings of languages to their codes.
    """

    def __init__(self, settings: Settings, languages: Mapping[str, str]) -> None:
        self.settings = settings
        self.languages = languages
        self.problems: list[Problem] = []
        self._undeclared: dict[str, list[str]] = {}
        self._zone = ZoneInfo(settings.blog.timezone)

    def read(self, file: File, data: bytes, stamp: list[Any]) -> Post:
        """Read the post in one file."""
        text, problems = decode_lines(data, file.name, most=1)
        self.problems += problems
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        notes: list[list[str]] = []
        # printable text has no control character, and `isprintable` is fast
        printable = text.replace("\n", "").isprintable()
        if not printable and (found := _CONTROL.search(text)):
            line = text.count("\n", 0, found.start()) + 1
            notes.append(["control", f"{file.name} line {line}"])
            text = _CONTROL.sub("\ufffd", text)
        head = front_matter.split(text, file.name)
        self.problems += head.problems
        macros = self._macros(head)
        if not macros and "{" in head.body and (foreign := _FOREIGN.search(head.body)):
            line = head.body_line + head.body.count("\n", 0, foreign.start())
            notes.append(["foreign", f"{file.name} line {line}"])
        return self._post(file, head, digest_bytes(data), stamp, notes)

    def _post(
        self, file: File, head: Matter, digest: str, stamp: list[Any], notes: list[list[str]]
    ) -> Post:
        fields, body = head.fields, head.body
        name, named = _named(file.stem)
        when = None if file.intro else self._zoned(self._date("date", file, head) or named)
        updated = self._zoned(self._date("updated", file, head))
        language = self._language(file, head)
        slug = address(_text(fields.get("slug")) or name)
        title = _text(fields.get("title")) or name.replace("-", " ").replace("_", " ").strip()
        return Post(
            source=file.name,
            language=language,
            name=slug,
            translation=_text(fields.get("translation")) or file.neutral,
            section=file.section,
            folders=file.folders,
            title=title,
            date=when.isoformat() if when else None,
            updated=updated.isoformat() if updated else None,
            url=self._own_url(file, head),
            summary=_text(fields.get("summary")) or self._summary(head),
            tags=_list(fields.get("tags")),
            categories=_list(fields.get("categories")),
            authors=_list(fields.get("authors"), spaces=False),
            aliases=_list(fields.get("aliases"), spaces=False),
            layout=_text(fields.get("layout")).removesuffix(".html"),
            image=next(iter(_list(fields.get("image"), spaces=False)), ""),
            links=markdown.local_links(body),
            extra=head.extra,
            body_line=head.body_line,
            macros=self._macros(head),
            draft=_true(fields.get("draft")) or file.draft,
            intro=file.intro,
            instant=when.timestamp() if when else 0.0,
            mark=fingerprint(
                digest, FORMAT, self.settings.blog.timezone, self.settings.blog.macros
            ),
            text_digest=fingerprint("\n".join(part for part in (title, body) if part.strip())),
            stamp=stamp,
            notes=notes,
            body=body,
        )

    def _date(self, name: str, file: File, head: Matter) -> datetime | None:
        value = head.fields.get(name)
        try:
            return parse_date(value)
        except ValueError as error:
            where = f"{file.name} line {head.line(name)}"
            remedy = 'write it as "2024-05-31" or "2024-05-31T18:30:00+02:00", or leave it out'
            self.problems.append(Problem(where, f"{name} {error}", remedy))
            return None

    def _macros(self, head: Matter) -> bool:
        """Whether macros are on for a post, by the settings and its front matter."""
        allowed, given = self.settings.blog.macros, head.fields.get("macros")
        return (allowed == "all" and given is None) or (allowed != "none" and _true(given))

    def _summary(self, head: Matter) -> str:
        """Return the first words of the post, without macros, whose results are not known yet."""
        text = _FOREIGN.sub("", head.body) if self._macros(head) else head.body
        return markdown.summary(text, SUMMARY_CHARACTERS)

    def _zoned(self, date: datetime | None) -> datetime | None:
        """Put a date without a zone into the site's time zone, independent of this machine's."""
        return date.replace(tzinfo=self._zone) if date and date.tzinfo is None else date

    def _language(self, file: File, head: Matter) -> str:
        """Return the language in front matter and path, which must agree, or the site's own."""
        given = _text(head.fields.get("language"))
        known = self.languages.get(given.lower().replace("_", "-")) if given else None
        where = f"{file.name} line {head.line('language')}"
        if given and known is None:
            self._undeclared.setdefault(given, []).append(where)
        elif known and file.language and known != file.language:
            what = f"says language {given!r}, and its path says {file.language!r}"
            self.problems.append(Problem(where, what, "make the two agree"))
        return known or file.language or self.settings.site.language

    def undeclared(self) -> list[Problem]:
        """Return one problem for each language that posts name and the site does not have."""
        declared = ", ".join(dict.fromkeys(self.languages.values()))
        return [
            Problem(
                places[0],
                f"language {given!r}, in {counted(len(places), 'file')}, is not one of the site's",
                f"add it to [blog] languages in ledger.toml, or use one of: {declared}",
            )
            for given, places in self._undeclared.items()
        ]

    def _own_url(self, file: File, head: Matter) -> str:
        """Return the URL in the front matter, a path below the root, or ""."""
        url = _text(head.fields.get("url"))
        if not url or url in (
            "pretty",
            "date",
            "none",
            "ordinal",
        ):  # Jekyll's styles of a whole site
            return ""
        parts = [part for part in url.split("/") if part]
        if ":" in url or "{" in url or any(part.startswith(".") for part in parts):
            where = f"{file.name} line {head.line('url')}"
            what = f"url {url[:60]!r} is no path below the root of the site"
            self.problems.append(Problem(where, what, 'write it as "/about/", or leave it out'))
            return ""
        return (
            "/" + "/".join(parts) + ("" if url.endswith((".html", ".htm")) else "/" * bool(parts))
        )


def _named(stem: str) -> tuple[str, datetime | None]:
    """Return (name, date) of a file name such as 2024-05-31-hello."""
    match = _DATED.fullmatch(stem)
    if match is None:
        return stem, None
    try:
        return match[2] or stem, datetime.fromisoformat(match[1])
    except ValueError:
        return stem, None


def _text(value: Any) -> str:
    """Return a field as one line of text."""
    return (
        " ".join(str(value).split())
        if value not in (None, False) and not isinstance(value, (list, dict))
        else ""
    )


def _true(value: Any) -> bool:
    return value is True or (isinstance(value, str) and value.lower() in ("true", "yes", "on"))


def _list(value: Any, *, spaces: bool = True) -> list[str]:
    """Return a field as a list of texts; one text is split (by spaces, as in Jekyll)."""
    if isinstance(value, dict):
        value = value.get("name") or value.get("src") or list(value)
    if isinstance(value, list):
        items = [
            _text(item.get("name") or item.get("src") or "")
            if isinstance(item, dict)
            else _text(item)
            for item in value
        ]
    elif "," in (text := _text(value)):
        items = _COMMA.split(text)
    else:
        items = text.split() if spaces else [text]
    return list(dict.fromkeys(item for item in items if item))
