"""A walk through the starter site in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support import chromium

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ABSENT = chromium.missing()
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(ABSENT is not None, reason=ABSENT or "there is a browser"),
]

# what to click, the folder or page it opens, how its title begins
WALK = (
    ('.ways a[href^="chronological"]', "chronological/index.html", "Chronological · "),
    ("main .rows a", "chronological/dated/0001.html", "In the order they were written"),
    ('.e a[href*="/similar/"]', "similar/", "Most similar: "),
    ('.lead a[href*="/different/"]', "different/", "Most different: "),
    ('.list .e a[href*="/chronological/"]', "chronological/", "In the order they were written"),
    ('header nav a[href$="documents/index.html"]', "documents/index.html", "Documents · "),
    ('header nav a[href$="words/index.html"]', "words/index.html", "Words · "),
    (".cloud a", "words/", ""),
    ('.e a[href*="/similar/"]', "similar/", "Most similar: "),
    ("header a", "index.html", ""),
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[chromium.Chromium]:
    """One browser, with a profile of its own."""
    with chromium.Chromium(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.mark.parametrize("width", [390, 1280])
def test_walk(browser: chromium.Chromium, starter_site: Path, width: int) -> None:
    """Clicks lead from home through every kind of page, without an error or sideways scrolling."""
    root = starter_site.resolve().as_uri() + "/"
    browser.width(width)
    browser.open(root + "index.html")
    for selector, address, title in WALK:
        browser.click(selector)
        assert browser.evaluate("location.href").startswith(root + address), selector
        assert browser.evaluate("document.title").startswith(title), selector
        assert browser.evaluate("document.documentElement.scrollWidth") <= width, address
        assert browser.evaluate("getComputedStyle(document.body).maxWidth") != "none"  # the styles
    assert browser.errors == []


def test_anchor_shows_its_document(browser: chromium.Chromium, starter_site: Path) -> None:
    """The link to a document in the chronological pages opens its page at that document."""
    browser.width(390)
    page = sorted((starter_site / "similar").rglob("*.html"))[-1]
    browser.open(page.resolve().as_uri())
    name = browser.evaluate("document.querySelector('.own .e').id")
    browser.click('.own a[href*="/chronological/"]')
    assert browser.evaluate("decodeURIComponent(location.hash)") == f"#{name}"
    top = browser.evaluate("document.querySelector(':target').getBoundingClientRect().top")
    height = browser.evaluate("innerHeight")
    assert 0 <= top < height
    assert browser.errors == []


def test_an_error_is_noticed(browser: chromium.Chromium, tmp_path: Path) -> None:
    """A missing file or an error in the console fails the walk."""
    page = tmp_path / "bad.html"
    page.write_text(
        "<!DOCTYPE html><title>x</title><link rel=stylesheet href=gone.css>"
        "<script>console.error('alas')</script>",
        encoding="utf-8",
    )
    browser.open(page.as_uri())
    seen = " ".join(browser.errors)
    browser.errors.clear()
    assert "alas" in seen
    assert "ERR_FILE_NOT_FOUND" in seen
