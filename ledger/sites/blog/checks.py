"""Checks of `[blog]` in ledger.toml that types alone do not express."""

from __future__ import annotations

import re
import string
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from ledger.sites.blog.settings import FEEDS, LISTS
from ledger.vectors import settings as vectors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ledger.project.settings import Settings, WrongValue
    from ledger.sites.blog.settings import BlogSettings

MAX_RELATED = 50
PERMALINK_FIELDS = frozenset(["year", "month", "day", "slug", "section", "category"])
_LANGUAGE = re.compile("[A-Za-z]{2,8}(?:[-_][A-Za-z0-9]{1,8})*")
_CHOICES = {
    "raw_html": ("safe", "escape", "trust"),
    "broken_links": ("report", "refuse"),
    "macros": ("none", "marked", "all"),
}
_SETS = {"lists": LISTS, "feeds": FEEDS}
_ADDRESS = re.compile(r"https?://[^\s/?#]+(?:/[^\s?#]*)?")
_FOLDER = re.compile(r"(?!\.)[\w.-]+")
_PLAIN = re.compile(r"[\w/.-]*")


def check(settings: Settings) -> Iterator[WrongValue]:
    """Yield a problem for each value of the right type that is not valid."""
    yield from _numbers(settings.blog)
    yield from _names(settings.blog)
    yield from _places(settings)
    for code in settings.blog.languages:
        if not _is_language(code):
            yield "blog.languages", code, 'a language, such as "de" or "pt-BR"'
    for code, title in settings.titles.items():
        if code not in (settings.site.language, *settings.blog.languages):
            yield f"titles.{code}", title, "a title in one of the site's languages"
    yield from vectors.check(settings)


def _numbers(blog: BlogSettings) -> Iterator[WrongValue]:
    for name in ("per_page", "feed_posts"):
        if getattr(blog, name) < 1:
            yield f"blog.{name}", getattr(blog, name), "1 or more"
    if blog.macro_seconds <= 0:
        yield "blog.macro_seconds", blog.macro_seconds, "more than 0"
    if not 0 <= blog.related <= MAX_RELATED:
        yield "blog.related", blog.related, f"between 0 and {MAX_RELATED}"


def _names(blog: BlogSettings) -> Iterator[WrongValue]:
    for name, choices in _CHOICES.items():
        if getattr(blog, name) not in choices:
            yield f"blog.{name}", getattr(blog, name), " or ".join(map(repr, choices))
    for name, known in _SETS.items():
        for item in getattr(blog, name):
            if item not in known:
                yield f"blog.{name}", item, f"one of {', '.join(known)}"


def _places(settings: Settings) -> Iterator[WrongValue]:
    blog, site = settings.blog, settings.site
    if not _is_permalink(blog.permalink):
        fields = ", ".join(sorted(PERMALINK_FIELDS))
        yield "blog.permalink", blog.permalink, f"a path with {{slug}}, of the fields {fields}"
    if not _is_zone(blog.timezone):
        yield "blog.timezone", blog.timezone, 'a time zone, such as "Europe/Berlin"'
    if site.url and not _ADDRESS.fullmatch(site.url):
        yield "site.url", site.url, 'an address such as "https://example.org/blog"'
    if not _FOLDER.fullmatch(blog.static):
        yield "blog.static", blog.static, "the name of a folder of the project"


def _is_language(code: str) -> bool:
    from ledger.sites.blog.languages import is_known

    return _LANGUAGE.fullmatch(code) is not None and is_known(code)


def _is_permalink(pattern: str) -> bool:
    try:
        parts = list(string.Formatter().parse(pattern))
    except ValueError:
        return False
    fields = {name for _, name, _, _ in parts if name is not None}
    plain = "".join(literal for literal, _, _, _ in parts)
    return (
        "slug" in fields
        and fields <= PERMALINK_FIELDS
        and not any(spec or conversion for _, _, spec, conversion in parts)
        and _PLAIN.fullmatch(plain) is not None
        and ".." not in plain
    )


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True
