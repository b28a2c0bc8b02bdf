"""URLs of a blog's pages, below its root, and the files that they are served from."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from urllib.parse import quote

from ledger.corpus.slugs import DEVICES
from ledger.corpus.slugs import slug as short_slug

MAX_BYTES = 120
FEED_FILES = {"atom": "atom.xml", "rss": "rss.xml", "json": "feed.json"}
# A post or tag with such a name would collide with a list's index or with its further pages.
_RESERVED = frozenset(["index", "page"])
_UNSAFE = re.compile(r"[^\w.-]+")


@lru_cache(65536)
def address(text: str) -> str:
    """Return the path segment for a name: lower case, any script, dashes; never empty or unsafe."""
    folded = unicodedata.normalize("NFC", text).casefold()
    made = unicodedata.normalize("NFC", _UNSAFE.sub("-", folded).strip("-."))
    safe = (
        made
        and made not in _RESERVED
        and made.partition(".")[0] not in DEVICES
        and len(made.encode("utf-8")) <= MAX_BYTES
    )
    return made if safe else short_slug(text)


def permalink(pattern: str, date: str, slug: str, section: str = "", category: str = "") -> str:
    """The URL of a dated post, without its language; a folder, unless the pattern names a file."""
    url = pattern.format(
        year=date[:4], month=date[5:7], day=date[8:10], slug=slug, section=section,
        category=address(category) if category else "",
    )  # fmt: skip
    end = "" if url.endswith(".html") else "/"
    return re.sub("/{2,}", "/", f"/{url}{end}")


def numbered(url: str, number: int) -> str:
    """Return the URL of page `number` of the list at `url`."""
    return url if number == 1 else f"{url}page/{number}/"


def file_of(url: str) -> str:
    """Return the file, relative to the output folder, that a URL is served from."""
    return f"{url[1:]}index.html" if url.endswith("/") else url[1:]


@lru_cache(65536)
def href(url: str, base: str = "") -> str:
    """Quote a URL for use in a page; `base` is the path of the site on its server."""
    return base + quote(url, safe="/~@:!$&'()*+,;=#?%")
