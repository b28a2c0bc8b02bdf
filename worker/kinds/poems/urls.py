"""Where every page of the poem site is: paths below the output folder, links, anchors.

Every page that lists entries lies two folders deep, so that one rendered entry, with its
relative links, serves all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ledger.corpus.slugs import slug

if TYPE_CHECKING:
    from collections.abc import Mapping

LISTING_ROOT = "../../"


def link(path: str, root: str = LISTING_ROOT) -> str:
    """The href of a page or of `page#anchor`, from a page whose way to the root is `root`."""
    page, _, anchor = path.partition("#")
    return root + quote(page, safe="/~") + (f"#{quote(anchor, safe='/~')}" if anchor else "")


def ranking_page(kind: str, document_slug: str, page: int = 1) -> str:
    """Page `page` of the `similar` or `different` ranking of a document.

    `~` is in no slug that is taken as it is, so page 2 of one is never page 1 of another.
    """
    return f"{kind}/{document_slug}.html" if page == 1 else f"{kind}/{document_slug}~{page}.html"


def word_page(word: str, page: int = 1) -> str:
    """Page `page` of the documents nearest to a word."""
    name = slug(word) if page == 1 else f"{slug(word)}~{page}"
    return f"words/{slug(word[0])}/{name}.html"


def chronological_page(section: str, page: int) -> str:
    """Page `page` of the `dated` or the `undated` documents."""
    return f"chronological/{section}/{page:04}.html"


def documents_page(category: str, page: int) -> str:
    """Page `page` of the index of a category."""
    return f"documents/{slug(category)}/{page:04}.html"


def page_count(total: int, per_page: int) -> int:
    """How many pages `total` entries fill; an empty list still has its page."""
    return max(1, -(-total // per_page))


def place_in_time(chronology: int, facts: Mapping[str, Any]) -> tuple[str, int]:
    """(section, page number) of the document at that place in time."""
    dated = facts["dated"]
    if chronology < dated:
        return "dated", chronology // facts["per_page"] + 1
    return "undated", (chronology - dated) // facts["per_page"] + 1


def document_links(document_slug: str, chronology: int, facts: Mapping[str, Any]) -> dict[str, str]:
    """The three places of a document, as links from a listing page."""
    section, page = place_in_time(chronology, facts)
    return {
        "similar": link(ranking_page("similar", document_slug)),
        "different": link(ranking_page("different", document_slug)),
        "chronological": link(f"{chronological_page(section, page)}#{document_slug}"),
    }
