"""4,723 real posts in 17 languages, unchanged."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
from pathlib import Path
from urllib.parse import unquote

import html5lib
import pytest
from sites.blog.feeds import check_atom, check_json_feed, check_rss, check_sitemap

from ledger.project.load import load_project
from ledger.sites.blog.post import Post
from ledger.store.plan import Documents
from ledger.store.store import Store

CORPUS = Path(__file__).resolve().parents[4] / "shared" / "corpora" / "ruby-news.tar.gz"
SAMPLE = 60  # one page in SAMPLE is parsed strictly
LINK = re.compile(r'(?:href|src)="(/[^"]*)"')

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.slow,
    pytest.mark.skipif(not CORPUS.exists(), reason=f"{CORPUS.name} is not beside the checkout"),
    pytest.mark.timeout(300),
]


class Site:
    """The built site, and the output of `init`."""

    def __init__(self, root: Path, report: dict) -> None:
        self.root, self.report = root, report
        site = root / "site"
        self.files = {
            path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()
        }
        project = load_project(root)
        with Store(project.ledger_path, read_only=True) as store:
            rows = Documents(store).between(0, 10_000)
            self.posts = [(Post.from_json(row.extra), row.slug) for row in rows]

    def text(self, name: str) -> str:
        """Return a file of the site."""
        return (self.root / "site" / name).read_text("utf-8")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The posts build without manual edits."""
    root = tmp_path_factory.mktemp("ruby")
    with tarfile.open(CORPUS) as packed:
        packed.extractall(root / "posts", filter="data")
    run = [sys.executable, "-m", "ledger"]
    init = subprocess.run(
        [*run, "init", "posts/ruby-news", "--json"], cwd=root, check=True, capture_output=True
    )
    subprocess.run([*run, "spawn", "2", "-q"], cwd=root, check=True, capture_output=True)
    return Site(root, json.loads(init.stdout))


def test_every_post_has_its_page(site):
    """Every post has a page in its language."""
    sources = {path.name for path in (site.root / "posts").rglob("*.md")}

    assert len(site.posts) == 4723
    assert {post.source.rpartition("/")[2] for post, _ in site.posts} == sources
    assert all(f"{url[1:]}index.html" in site.files for _, url in site.posts)


def test_translations_are_linked_both_ways(site):
    """Every post names all of its translations, and they name it."""
    groups: dict[str, dict[str, str]] = {}
    for post, url in site.posts:
        groups.setdefault(post.translation, {})[post.language] = url
    several = [group for group in groups.values() if len(group) > 1]

    assert len(several) > 400
    for group in several:
        for url in group.values():
            page = site.text(f"{url[1:]}index.html")
            named = set(re.findall(r'hreflang="[^"]+" href="https://example\.org([^"]+)"', page))
            assert {unquote(name) for name in named} == set(group.values())


def test_links(site):
    """Only links that are broken in the source are broken, and those are listed."""
    listed = {note["what"].removeprefix("links to ").removesuffix(", which is not there")
              for note in site.report["notes"] if note["what"].startswith("links to ")}  # fmt: skip
    broken = set()
    for name in site.files:
        if name.endswith(".html"):
            for target in set(LINK.findall(site.text(name))):
                path = unquote(target.partition("#")[0].partition("?")[0])[1:]
                if path not in site.files and f"{path}index.html" not in site.files:
                    broken.add(unquote(target))

    assert {unquote(target) for target in listed} >= broken


def test_what_cannot_be_rendered_is_listed(site):
    """Tags of another generator are shown as text."""
    foreign = [note for note in site.report["notes"] if "tags of another generator" in note["what"]]

    assert len(foreign) > 1000
    assert all(re.fullmatch(r"\S+\.md line [0-9]+", note["where"]) for note in foreign)


def test_feeds(site):
    """All of them."""
    for name in site.files:
        last = name.rpartition("/")[2]
        check = {"atom.xml": check_atom, "rss.xml": check_rss, "feed.json": check_json_feed}.get(
            last
        )
        if check:
            check(site.text(name).encode("utf-8"))
    check_sitemap(site.text("sitemap.xml").encode("utf-8"))


def test_markup(site):
    """An HTML5 parser finds no error."""
    pages = sorted(name for name in site.files if name.endswith(".html"))
    parser = html5lib.HTMLParser(strict=True)
    for name in pages[::SAMPLE]:
        try:
            parser.parse(site.text(name))
        except html5lib.html5parser.ParseError as error:
            pytest.fail(f"{name}: {error}")
