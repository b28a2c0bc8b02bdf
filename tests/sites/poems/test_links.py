"""Links, anchors, ids and orphans of the starter site, and the checker of them."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from support import site_checker
from support.site_checker import check_site

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Tree = Callable[..., Path]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Make a small site; its pages are given by path, with `_` for `/` and without `.html`."""

    def make(index: str, **pages: str) -> Path:
        for name, body in {"index": index, **pages}.items():
            path = tmp_path / f"{name.replace('_', '/')}.html"
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"<!DOCTYPE html><title>x</title><body>{body}", encoding="utf-8")
        return tmp_path

    return make


def test_starter_site_is_whole(starter_site: Path) -> None:
    """Every link and anchor of the starter site works, and every page is reachable."""
    report = check_site(starter_site)
    assert report.ok, str(report)
    assert report.pages > 200
    assert report.links > 100 * report.pages


def test_every_document_is_reached_both_ways(starter_site: Path) -> None:
    """The starter site has a `similar` and a `different` page for each document."""
    similar, different = (
        {path.relative_to(starter_site / kind) for path in (starter_site / kind).rglob("*.html")}
        for kind in ("similar", "different")
    )
    assert similar == different
    assert len(similar) == 72


def test_processes_agree(starter_site: Path) -> None:
    """Two processes report the same as one."""
    assert check_site(starter_site, processes=2) == check_site(starter_site, processes=1)


def test_fast_search_agrees_with_the_parser(starter_site: Path) -> None:
    """The fast search for attributes finds the same as Python's HTML parser."""
    for path in site_checker.sample_pages(starter_site):
        data = path.read_bytes()
        for name in ("href", "src", "id"):
            parsed = site_checker._parsed_values(data, name)
            fast = site_checker._values(data, name.encode())
            assert [site_checker._text(value) for value in fast] == [v.decode() for v in parsed]


@pytest.mark.parametrize(
    ("href", "why"),
    [
        ("gone.html", "no such file"),
        ("A.html", "no such file"),
        ("", "no such file"),
        ("sub/", "no such file"),
        ("sub", "no such file"),
        ("../outside.html", "no such file"),
        ("a.html#gone", "no such id in that page"),
        ("#gone", "no such id in that page"),
        ("/a.html", "is absolute"),
        ("//example.org/", "is absolute"),
        ("file:///etc/passwd", "must not be linked"),
        ("C:/a.html", "must not be linked"),
        ("JavaScript:alert(1)", "must not be linked"),
        ("data:text/html,x", "must not be linked"),
    ],
)
@pytest.mark.parametrize("quote", ['"', "'"])
def test_a_bad_link_is_found(tree: Tree, href: str, why: str, quote: str) -> None:
    """Each kind of bad link is reported with its page and reason, however it is quoted."""
    links = "<a href=a.html>a</a><a href='sub/b.html'>b</a>"
    root = tree(f"{links}<a href={quote}{href}{quote}>x</a>", a="a", sub_b="b")
    report = check_site(root)
    assert report.broken == [("index.html", href, why)]
    assert not report.ok
    assert not report.orphans


@pytest.mark.parametrize(
    "href",
    [
        "a.html",
        "./a.html?print",
        "sub/../a.html#w%C3%B6rd/1~2",
        "a.html#wörd/1~2",
        "#own",
        "sub/%C3%B6%20%26%23.html",
        "sub/ö &amp;%23.html",
        "https://example.org/",
        "mailto:a@example.org",
    ],
)
def test_a_good_link_is_left_alone(tree: Tree, href: str) -> None:
    """URL and HTML escapes are decoded, and links to other sites are ignored."""
    root = tree(
        f'<p id="own"><a href="a.html">a</a><a href="sub/%C3%B6%20%26%23.html">ö</a>'
        f'<a href="{href}">x</a>',
        **{"a": '<p id="w&#246;rd/1~2">', "sub_ö &#": "ö"},
    )
    report = check_site(root)
    assert report.ok, str(report)
    assert (report.pages, report.links) == (3, 3)


def test_a_missing_picture_is_found(tree: Tree) -> None:
    """`src` is followed like `href`."""
    report = check_site(tree('<img alt="" src="gone.png">'))
    assert report.broken == [("index.html", "gone.png", "no such file")]


def test_the_folder_it_was_built_in_is_found(tree: Tree, tmp_path: Path) -> None:
    """A page with the path of the folder that it was built in is reported."""
    report = check_site(tree(f"built in {tmp_path}"))
    assert [(page, why) for page, _, why in report.broken] == [
        ("index.html", "is the folder it was built in")
    ]


def test_duplicate_ids_are_found(tree: Tree) -> None:
    """An id used twice in a page is reported once; the same id in two pages is valid."""
    report = check_site(tree('<p id="a"><p id="a"><p id="a"><a href="b.html">', b='<p id="a">'))
    assert report.duplicate_ids == [("index.html", "a")]


def test_orphans_are_found(tree: Tree) -> None:
    """Pages that only link to each other are orphans; 404.html is not."""
    root = tree("alone", a='<a href="b.html">', b='<a href="a.html">', **{"404": "lost"})
    assert check_site(root).orphans == ["a.html", "b.html"]


def test_the_command_says_what_is_wrong(tree: Tree) -> None:
    """As a script the checker prints its findings and exits with 1."""
    root = tree('<a href="gone.html">')
    done = subprocess.run(
        [sys.executable, site_checker.__file__, str(root)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "1 pages, 1 links: 1 broken" in done.stdout
    assert "index.html: 'gone.html' no such file" in done.stdout
