"""The pages of the starter site are valid HTML5, and the checker detects invalid ones."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from support.site_checker import check_html5, sample_pages

if TYPE_CHECKING:
    from pathlib import Path


def test_starter_site_is_html5(starter_site: Path) -> None:
    """No page of any kind breaks the HTML5 parsing rules."""
    assert check_html5(sample_pages(starter_site, each=4)) == []


def test_sample_has_every_kind(starter_site: Path) -> None:
    """The sample contains pages of every kind, and is the same at every call."""
    pages = sample_pages(starter_site, each=2)
    names = {path.relative_to(starter_site).parts[0] for path in pages}
    assert names == {
        path.name for path in starter_site.iterdir() if path.is_dir() or path.suffix == ".html"
    }
    assert pages == sample_pages(starter_site, each=2)


def test_every_page_says_what_it_is(starter_site: Path) -> None:
    """Every page has a language, a title of its own, one main heading and one main element."""
    titles = set()
    pages = sorted(starter_site.rglob("*.html"))
    for path in pages:
        text = path.read_text(encoding="utf-8")
        assert re.search(r'<html lang="[a-z]', text), path
        for tag in ("title", "h1", "main"):
            assert len(re.findall(rf"<{tag}[ >]", text)) == 1, (path, tag)
        titles.add(re.search(r"<title>(.+)</title>", text)[1])
    assert len(titles) > len(pages) * 0.9  # two documents may bear the same name


@pytest.mark.parametrize(
    "wrong",
    [
        "<p>no doctype</p>",
        "<!DOCTYPE html><title>x</title><div><p>x</div></p>",
        "<!DOCTYPE html><title>x</title><ul><li>x</ul></b>",
        "<!DOCTYPE html><title>x</title><p class='a' class='b'>x</p>",
        "<!DOCTYPE html><title>x</title><table><p>x</p></table>",
        "<!DOCTYPE html><title>x</title><p>&nosuch;</p>",
        "<!DOCTYPE html><title>x</title><div>never closed",
    ],
)
def test_bad_html_is_found(tmp_path: Path, wrong: str) -> None:
    """A parse error by the HTML5 rules is reported with file and line."""
    page = tmp_path / "page.html"
    page.write_text(wrong, encoding="utf-8")
    errors = check_html5([page])
    assert errors
    assert errors[0].startswith(f"{page}:1:")
