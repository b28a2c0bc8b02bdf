"""The settings of a site of poems: `[pages]`, `[words]`, and those of its vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ledger.corpus.settings import WordSettings
from ledger.vectors import settings as vectors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ledger.project.settings import Settings, Table, WrongValue


@dataclass(frozen=True)
class PageSettings:
    """`[pages]`: how many documents a ranking lists and a page shows."""

    depth: int | str = 200
    per_page: int | str = 200


TABLES: Mapping[str, Table] = {"pages": PageSettings, "words": WordSettings, **vectors.TABLES}


def check(settings: Settings) -> Iterator[WrongValue]:
    """Yield a problem for each value of the right type that is not valid."""
    for name in ("depth", "per_page"):
        value = getattr(settings.pages, name)
        if value != "all" and (not isinstance(value, int) or value < 1):
            yield f"pages.{name}", value, '1 or more, or "all"'
    words: WordSettings = settings.words
    for name in ("min_length", "min_count"):
        if getattr(words, name) < 1:
            yield f"words.{name}", getattr(words, name), "1 or more"
    if words.count < 0:
        yield "words.count", words.count, "0 or more"
    if not 0 < words.max_share <= 1:
        yield "words.max_share", words.max_share, "between 0 and 1"
    yield from vectors.check(settings)
