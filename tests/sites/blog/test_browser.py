"""A walk through a blog in a real browser, from a real server."""

from __future__ import annotations

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from sites.blog.conftest import Blog
from sites.blog.test_build import fill
from support import chromium

ABSENT = chromium.missing()
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(ABSENT is not None, reason=ABSENT or "there is a browser"),
]

# what to do first, what to click, where it leads, how the title of that page begins
WALK = (
    ("", '.card a[href="/2024/02/02/post-1/"]', "/2024/02/02/post-1/", "Post 1 & more"),
    ("document.querySelector('.languages').open = true", '.languages a[lang="de"]',
     "/de/2024/02/02/post-1/", "Beitrag 1"),
    ("", '.tags a[href="/de/tags/all/"]', "/de/tags/all/", "#all"),
    ("", '.pager a[rel="next"]', "/de/tags/all/page/2/", "#all"),
    ("document.querySelector('.languages').open = true", '.languages a[lang="en"]', "/", "Trial"),
    ("", 'header nav a[href="/archive/"]', "/archive/", "Archive"),
    ("", '.terms a[href="/2024/"]', "/2024/", "2024"),
    ("", 'header nav a[href="/search/"]', "/search/", "Search"),
)  # fmt: skip


class Quiet(SimpleHTTPRequestHandler):
    """A request handler without log output."""

    def log_message(self, *_: object) -> None:
        """Discard the message."""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Serve a blog with a search, and return its URL."""
    blog = fill(Blog(tmp_path_factory.mktemp("walked")))
    blog.settings('per_page = 3\nsearch = true\n[menu]\nArchive = "/archive/"\n')
    blog.build(2)
    handler = partial(Quiet, directory=str(blog.root / "site"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """One browser, with a profile of its own."""
    with chromium.Chromium(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.mark.parametrize("width", [390, 1280])
def test_walk(browser, address, width):
    """Home, a post, its German version, a tag and its page 2, the archive and the search work."""
    browser.width(width)
    browser.open(f"{address}/page/2/")  # the second page of home has posts, too
    browser.open(f"{address}/")
    while not browser.evaluate("!!document.querySelector('.card a[href=\"/2024/02/02/post-1/\"]')"):
        browser.click('.pager a[rel="next"]')
    for first, selector, place, title in WALK:
        browser.evaluate(first or "0")
        browser.click(selector)
        assert browser.evaluate("location.pathname") == place, selector
        assert browser.evaluate("document.title").startswith(title), selector
        assert browser.evaluate("document.documentElement.scrollWidth") <= width, place
    assert found(browser, "Post 7") > 0
    assert browser.errors == []


def found(browser, words: str) -> int:
    """Return the number of results that the search shows."""
    return browser.evaluate_later(
        f"""new Promise((told, failed) => {{
             const end = setTimeout(() => failed("no result"), 20000);
             const input = document.querySelector(".pagefind-ui__search-input");
             input.value = {words!r};
             input.dispatchEvent(new Event("input"));
             new MutationObserver(() => {{
               const shown = document.querySelectorAll(".pagefind-ui__result-link").length;
               if (shown) {{ clearTimeout(end); told(shown); }}
             }}).observe(document.body, {{childList: true, subtree: true}});
           }})"""
    )


def test_right_to_left(browser, address):
    """Arabic pages are aligned to the right."""
    browser.width(390)
    browser.open(f"{address}/ar/2024/02/02/post-1/")

    assert browser.evaluate("getComputedStyle(document.querySelector('h1')).direction") == "rtl"
    assert browser.evaluate("document.documentElement.scrollWidth") <= 390
