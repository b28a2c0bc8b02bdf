"""URLs of the poem site: paths below the output folder, links, anchors.

All pages that list entries are two folders deep, so that one rendered entry, with its relative
links, can be used in all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ledger.corpus.slugs import slug

if TYPE_CHECKING:
    from collections.abc import Mapping

LISTING_ROOT = "../../"


def link(path: str, root: str = LISTING_ROOT) -> str:
    """Return the href of `path` or `path#anchor`; `root` is the linking page's path to the root."""
    page, _, anchor = path.partition("#")
    return root + quote(page, safe="/~") + (f"#{quote(anchor, safe='/~')}" if anchor else "")


def ranking_page(kind: str, document_slug: str, page: int = 1) -> str:
    """Return the path of page `page` of a document's `similar` or `different` ranking.

    No plain slug contains `~`, so page 2 of one document is never page 1 of another.
    """
    return f"{kind}/{document_slug}.html" if page == 1 else f"{kind}/{document_slug}~{page}.html"


def word_page(word: str, page: int = 1) -> str:
    """Return the path of page `page` of the documents nearest to a word."""
    name = slug(word) if page == 1 else f"{slug(word)}~{page}"
    return f"words/{slug(word[0])}/{name}.html"


def chronological_page(section: str, page: int) -> str:
    """Return the path of page `page` of the `dated` or the `undated` documents."""
    return f"chronological/{section}/{page:04}.html"


def documents_page(category: str, page: int) -> str:
    """Return the path of page `page` of the index of a category."""
    return f"documents/{slug(category)}/{page:04}.html"


def page_count(total: int, per_page: int) -> int:
    """Return the number of pages for `total` entries; an empty list still has one page."""
    return max(1, -(-total // per_page))


def chronological_section(chronology: int, facts: Mapping[str, Any]) -> tuple[str, int]:
    """Return (section, page number) of the document with that rank by date."""
    dated = facts["dated"]
    if chronology < dated:
        return "dated", chronology // facts["per_page"] + 1
    return "undated", (chronology - dated) // facts["per_page"] + 1


def document_links(document_slug: str, chronology: int, facts: Mapping[str, Any]) -> dict[str, str]:
    """Return the three URLs of a document, as links from a listing page."""
    section, page = chronological_section(chronology, facts)
    return {
        "similar": link(ranking_page("similar", document_slug)),
        "different": link(ranking_page("different", document_slug)),
        "chronological": link(f"{chronological_page(section, page)}#{document_slug}"),
    }
