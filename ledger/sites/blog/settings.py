"""The settings of a blog: `[blog]`, `[menu]`, `[titles]`, and those of its vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ledger.project.settings import FreeTable
from ledger.vectors import settings as vectors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ledger.project.settings import Table

LISTS = ("index", "sections", "tags", "categories", "authors", "years", "months", "days")
FEEDS = ("atom", "rss", "json")


@dataclass(frozen=True)
class BlogSettings:
    """`[blog]`: how a blog's posts are read, where they are, and in which lists they stand."""

    languages: tuple[str, ...] = ()
    permalink: str = "/{year}/{month}/{day}/{slug}/"
    timezone: str = "UTC"
    drafts: bool = False
    fallback: bool = False
    lists: tuple[str, ...] = LISTS
    per_page: int = 10
    feeds: tuple[str, ...] = FEEDS
    feed_posts: int = 20
    feed_terms: bool = True
    related: int = 0
    typographer: bool = False
    highlight: bool = True
    raw_html: str = "safe"
    broken_links: str = "report"
    macros: str = "none"
    macro_seconds: float = 5.0
    search: bool = False
    static: str = "static"
    hash_assets: bool = False


TABLES: Mapping[str, Table] = {
    "blog": BlogSettings,
    "menu": FreeTable(dict[str, str], 'texts, such as Archive = "/archive/"'),
    "titles": FreeTable(dict[str, str], 'texts, such as de = "Mein Blog"'),
    **vectors.TABLES,
}
