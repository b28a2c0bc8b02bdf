"""Real builds of a blog: reproducible bytes, valid feeds, and links without breaks."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET

import html5lib
import pytest
from sites.blog.conftest import Blog
from sites.blog.feeds import check_atom, check_json_feed, check_rss, check_sitemap

POSTS = 14


@pytest.fixture
def full(blog):
    """Make a blog with every feature."""
    return fill(blog)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Build one blog, to be copied."""
    blog = fill(Blog(tmp_path_factory.mktemp("built")))
    blog.build(2)
    return blog.root


@pytest.fixture
def copy(built, tmp_path):
    """Copy the built blog."""
    shutil.copytree(built, tmp_path / "copy", symlinks=True)
    return Blog(tmp_path / "copy")


def fill(blog):
    """Write posts in three languages, with tags, categories, links, aliases and files."""
    for number in range(1, POSTS + 1):
        day = f"2024-{1 + number % 12:02}-{1 + number % 28:02}"
        blog.post(
            f"{day}-post-{number}",
            f"Text {number} with *marks* & <b>more</b>.\n\n## Part\n\n```python\nx = {number}\n```\n\n"
            f"[next]({f'2024-{1 + (number + 1) % 12:02}-{1 + (number + 1) % 28:02}-post-{number + 1}'}.md)",
            title=f"Post {number} & more", tags=f"[t{number % 3}, all]", categories=f"[c{number % 2}]",
            author="Ann", updated="2025-01-01" if number % 5 == 0 else "",
        )  # fmt: skip
    for number in range(1, 6):
        day = f"2024-{1 + number % 12:02}-{1 + number % 28:02}"
        blog.post(
            f"de/{day}-post-{number}", f"Text {number}.", title=f"Beitrag {number}", tags="[all]"
        )
    blog.post("ar/2024-02-02-post-1", "نص.", title="عنوان")
    blog.post("about", "About.", title="About", aliases="[/old/about.html, /über/]")
    blog.write("content/img/p.png", b"png")
    blog.write("static/humans.txt", "people")
    return blog


@pytest.mark.slow
def test_the_same_bytes_by_any_number_of_workers(full, tmp_path_factory):
    """1, 2 and 12 workers build the same bytes."""
    first = full.build(1)
    for workers in (2, 12):
        for path in ("site", ".ledger"):
            (full.root / path).rename(tmp_path_factory.mktemp("old") / path)
        assert full.build(workers) == first


def test_pages_are_html(copy):
    """Every page parses without an error."""
    files = copy.files()
    parser = html5lib.HTMLParser(strict=True)
    for name, data in files.items():
        if name.endswith(".html"):
            parser.parse(data.decode("utf-8"))


def test_every_link_leads_somewhere(copy):
    """All links work but those that are broken in the source."""
    files = copy.files()
    missing = set()
    for name, data in files.items():
        if not name.endswith(".html"):
            continue
        tree = html5lib.parse(data.decode("utf-8"), namespaceHTMLElements=False)
        ids = [element.get("id") for element in tree.iter() if element.get("id")]
        assert len(ids) == len(set(ids)), name
        for element in tree.iter():
            target = element.get("href") or element.get("src") or ""
            target = target.removeprefix("https://example.org")
            if target.startswith("/"):
                path = target.partition("#")[0].lstrip("/")
                if path not in files and f"{path}index.html" not in files:
                    missing.add((name, target))
    assert missing == set()


def test_feeds_are_feeds(copy):
    """Feeds and sitemap follow RFC 4287, RSS 2.0, JSON Feed 1.1 and sitemaps.org."""
    files = copy.files()
    feeds = [name for name in files if name.endswith(("atom.xml", "rss.xml", "feed.json"))]

    assert {"atom.xml", "de/rss.xml", "tags/all/feed.json", "categories/c1/atom.xml"} <= set(feeds)
    for name in feeds:
        check = {"atom.xml": check_atom, "rss.xml": check_rss, "feed.json": check_json_feed}
        check[name.rpartition("/")[2]](files[name])
    check_sitemap(files["sitemap.xml"])
    entry = ET.fromstring(files["atom.xml"]).find("{*}entry/{*}content")
    assert '<h2 id="part">' in (entry.text or "")
    assert all(
        item["id"].startswith("https://") for item in json.loads(files["feed.json"])["items"]
    )


def test_languages_know_each_other(copy):
    """Pages have a language switcher, hreflang both ways, text direction and localised months."""
    english, german = copy.page("/2024/02/02/post-1/"), copy.page("/de/2024/02/02/post-1/")
    arabic = copy.page("/ar/2024/02/02/post-1/")

    assert (
        '<link rel="alternate" hreflang="de" href="https://example.org/de/2024/02/02/post-1/">'
        in english
    )
    assert (
        '<link rel="alternate" hreflang="en" href="https://example.org/2024/02/02/post-1/">'
        in german
    )
    assert "2. Februar 2024" in german
    assert '<html lang="ar" dir="rtl">' in arabic
    assert "Februar 2024" in copy.page("/de/2024/02/")


def edits(blog):
    """Typical edits of a blog, by name."""
    one = "2024-02-02-post-1"

    def again(**more: str) -> None:
        fields = {
            "title": "Post 1 & more",
            "tags": "[t1, all]",
            "categories": "[c1]",
            "author": "Ann",
        }
        blog.write_again(one, "Text, again.", **{**fields, **more})

    return {
        "body": again,
        "title": lambda: again(title="Another"),
        "tag removed": lambda: again(tags="[all]"),
        "date moved": lambda: again(date="2023-05-05"),
        "post deleted": (blog.root / f"content/{one}.md").unlink,
        "template": lambda: blog.write(
            "templates/blog/card.html", '<p><a href="{{ post.href }}">{{ post.title }}</a></p>\n'
        ),
        "menu": lambda: blog.settings('[menu]\nHome = "/"\n'),
        "setting": lambda: blog.settings("per_page = 7\n"),
        "translation added": lambda: blog.post("de/2024-08-08-post-7", "Text.", title="Beitrag 7"),
        "post added": lambda: blog.post("2024-12-31-last", "New.", tags="[t1]"),
        "picture": lambda: blog.write("content/img/p.png", b"other"),
        "alias": lambda: blog.post("about", "About.", title="About", aliases="[/new/]"),
    }


EDITS = (
    "body", "title", "tag removed", "date moved", "post deleted", "template", "menu", "setting",
    "translation added", "post added", "picture", "alias",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", EDITS)
def test_after_any_edit_the_site_is_that_of_a_clean_build(copy, name, tmp_path_factory):
    """After an edit, the site equals a fresh build, and only pages that differ are written."""
    full = copy
    full.write_again = lambda name, body, **fields: _touched(full, name, body, fields)
    before = full.files()
    stamps = {path: (full.root / "site" / path).stat().st_mtime_ns for path in before}
    edits(full)[name]()
    after = full.build(1)
    rewritten = {
        path for path in after if (full.root / "site" / path).stat().st_mtime_ns != stamps.get(path)
    }

    assert rewritten == {path for path in after if before.get(path) != after[path]}
    assert after != before
    for path in ("site", ".ledger"):
        (full.root / path).rename(tmp_path_factory.mktemp("old") / path)
    assert full.build(1) == after


def _touched(blog, name, body, fields):
    """Write a post again, with a later mtime."""
    head = "".join(f"{key}: {value}\n" for key, value in fields.items())
    blog.write(f"content/{name}.md", f"---\n{head}---\n\n{body}\n", at=1_700_000_009)


@pytest.mark.slow
def test_kills_do_not_show(full):
    """After a coordinator is killed, the next run completes the site."""
    clean = full.build(2)
    for path in ("site", ".ledger"):
        (full.root / path).rename(full.root / f"{path}.old")
    full.init()
    command = [sys.executable, "-m", "ledger", "spawn", "2", "-q", "-C", str(full.root)]
    killed = subprocess.Popen(command, stderr=subprocess.PIPE)
    while not (full.root / "site").exists():
        assert killed.poll() is None
    killed.send_signal(signal.SIGKILL)
    killed.communicate()

    assert full.spawn(2).returncode == 0
    assert full.files() == clean


def test_nothing_to_do_writes_nothing(copy):
    """A run without pending jobs writes no file."""
    full = copy
    before = {path: path.stat().st_mtime_ns for path in (full.root / "site").rglob("*")}
    full.build(2)

    assert before == {path: path.stat().st_mtime_ns for path in (full.root / "site").rglob("*")}


class TestMacros:
    """Jinja and Python in posts for which macros are on."""

    def test_they_are_text_unless_switched_on(self, blog):
        """Macros run only if the setting and the post allow them."""
        blog.post("2024-01-01-a", "{{ 7*7 }}", macros="true")
        blog.build()
        assert "{{ 7*7 }}" in blog.page("/2024/01/01/a/")

        blog.settings('macros = "marked"\n')
        blog.post("2024-01-02-b", "{{ 7*7 }}")
        blog.build()
        assert "49" in blog.page("/2024/01/01/a/")
        assert "{{ 7*7 }}" in blog.page("/2024/01/02/b/")

    def test_functions_of_the_project(self, blog):
        """Functions return HTML, run once per arguments, and are run again after a change."""
        blog.settings('macros = "all"\n')
        blog.write(
            "macros/video.py", "def video(key):\n    return f'<iframe title=\"{key}\"></iframe>'\n"
        )
        blog.post("2024-01-01-a", '{{ video("x") }}\n\nand {{ video("x") }}')
        blog.build()
        assert blog.page("/2024/01/01/a/").count('<iframe title="x"></iframe>') == 2

        blog.write("macros/video.py", "def video(key):\n    return 'NEW'\n", at=1_700_000_009)
        blog.build()
        assert blog.page("/2024/01/01/a/").count("NEW") == 2

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            ("one\n\n{{ fails() }}", "2024-01-01-a.md line 7: ValueError: no"),
            ("{{ hangs() }}", "more than 0.3 seconds"),
            ("{{ missing }}", "line 5: UndefinedError"),
            ("{% if %}", "line 5"),
            ("{{ ''.__class__.__mro__ }}", "line 5: SecurityError"),
        ],
    )
    def test_one_that_fails_fails_its_page(self, blog, body, said):
        """A failing macro is reported with file and line; the rest is built."""
        blog.settings('macros = "all"\nmacro_seconds = 0.3\n')
        blog.write(
            "macros/bad.py",
            "def fails():\n    raise ValueError('no')\n\ndef hangs():\n    while True:\n        try:\n"
            "            while True: pass\n        except Exception: pass\n",
        )
        blog.post("2024-01-01-a", body, title="A")
        blog.post("2024-01-02-b", "Fine.")
        blog.init()
        done = blog.spawn(1, "--keep-going")

        assert done.returncode == 1
        assert said in done.stderr
        assert "Fine." in blog.page("/2024/01/02/b/")


def test_a_layout_of_the_project(blog):
    """`layout` chooses the template; a missing one is noted."""
    blog.write(
        "templates/blog/photo.html",
        "<!doctype html><title>P</title>{{ post.extra.camera }} {{ content }}",
    )
    blog.post("2024-01-01-a", layout="photo", camera="Leica")
    blog.post("2024-01-02-b", layout="none")
    report = blog.init()
    blog.spawn()

    assert "Leica" in blog.page("/2024/01/01/a/")
    assert "'none'" in report.notes[0].what


def test_a_site_below_a_path(blog):
    """Every URL begins with the path of the site on its server."""
    blog.settings(
        base=(blog.root / "ledger.toml").read_text().replace("example.org", "example.org/blog")
    )
    blog.post("2024-01-01-a", "[b](about.md) [c](/tags/x/)", tags="[x]")
    blog.post("about")
    blog.build()
    page = blog.page("/2024/01/01/a/")

    assert 'href="/blog/about/"' in page
    assert 'href="/blog/tags/x/"' in page
    assert 'href="/blog/style.css"' in page
    assert "https://example.org/blog/2024/01/01/a/" in page


def test_related_posts(blog):
    """Related posts are the nearest by meaning in the same language."""
    blog.settings("related = 2\n")
    blog.post("2024-01-01-a", "The sea, the ship, the sailor and the storm.", title="Sea")
    blog.post("2024-01-02-b", "A sailor on a ship in a storm at sea.", title="Ship")
    blog.post("2024-01-03-c", "Flour, butter, sugar and an oven for the cake.", title="Cake")
    blog.post("de/2024-01-04-d", "The sea, the ship, the sailor and the storm.", title="See")
    blog.build(2)
    page = blog.page("/2024/01/01/a/")
    related = page[page.index("Related posts") :]

    assert related.index("Ship") < related.index("Cake")
    assert "See" not in related


def test_what_a_post_says_is_never_executed(blog):
    """Templates and scripts in titles, tags and text are shown as text."""
    evil = "{{ 7*7 }}</title><script>alert(1)</script>"
    blog.post("2024-01-01-a", evil, title=f"'{evil}'", tags=f"['{evil}']", summary=f"'{evil}'")
    files = blog.build()

    for name, data in files.items():
        if not name.endswith(".json"):  # JSON holds it as text, which is not interpreted as HTML
            assert b"<script>alert" not in data, name
    assert "{{ 7*7 }}" in blog.page("/2024/01/01/a/")


def test_texts_above_lists(blog):
    """`_index.md` of a folder and `index.md` at the top introduce lists, and have no page."""
    blog.post("_index", "Hello, [about](about.md).", title="Home of all")
    blog.post("travel/_index", "Where I was.", title="Journeys")
    blog.post("lonely/_index", "No post is here.", title="Alone")
    blog.post("travel/2024-01-01-a", "Far.")
    blog.post("about", "Me.")
    blog.settings("per_page = 1\n")
    blog.post("travel/2024-01-02-b", "Farther.")
    files = blog.build()

    assert 'Hello, <a href="/about/">' in blog.page("/")
    assert "Hello" not in blog.page("/page/2/")
    assert "<h1>Journeys</h1>" in blog.page("/travel/")
    assert "Where I was." in blog.page("/travel/")
    assert "No post is here." in blog.page("/lonely/")
    assert not any("_index" in name for name in files)


def test_names_with_digests(blog):
    """With hashed names a changed picture gets another URL, which posts use."""
    blog.settings("hash_assets = true\n")
    blog.write("content/img/p.png", b"one")
    blog.write("static/favicon.ico", b"icon")
    blog.post("2024-01-01-a", "![p](img/p.png)")
    first = {name for name in blog.build() if name.startswith(("img", "fav"))}
    (picture,) = (name for name in first if name.startswith("img"))
    assert f'src="/{picture}"' in blog.page("/2024/01/01/a/")
    assert "favicon.ico" in first

    blog.write("content/img/p.png", b"two", at=1_700_000_009)
    second = {name for name in blog.build() if name.startswith("img")}
    assert second != {picture}
    assert f'src="/{second.pop()}"' in blog.page("/2024/01/01/a/")


class TestBeginning:
    """`ledger init` in a folder without a project."""

    def ledger(self, folder, *arguments):
        """Run the command in a folder."""
        command = [sys.executable, "-m", "ledger", *arguments]
        return subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=100
        )

    def test_a_starter_in_three_languages(self, tmp_path):
        """The starter has no problem and no note; `--dry-run` reports it and writes nothing."""
        tried = self.ledger(tmp_path, "init", "--kind", "blog", "--dry-run")
        assert (tried.returncode, list(tmp_path.iterdir())) == (0, [])
        assert "6 documents" in tried.stdout

        made = self.ledger(tmp_path, "init", "--kind", "blog")
        assert "6 documents" in made.stdout
        assert "note" not in made.stdout
        assert self.ledger(tmp_path, "spawn", "2").returncode == 0
        for name in ("index.html", "de/index.html", "fr/index.html", "atom.xml", "humans.txt"):
            assert (tmp_path / "site" / name).is_file()

    @pytest.mark.parametrize("folder", ["content", "_posts", "."])
    def test_a_tree_of_posts_is_known(self, tmp_path, folder):
        """Trees of Hugo and Jekyll are detected, or named by option, with their languages."""
        posts = tmp_path / "old" / folder
        for name in ("2024-01-01-a.md", "pt-br/2024-01-01-a.md", "b.ja.md"):
            (posts / name).parent.mkdir(parents=True, exist_ok=True)
            (posts / name).write_text("---\ntitle: T\ndate: 2024-01-01\n---\nText")
        source = [str(posts)] if folder == "." else []
        where = tmp_path if folder == "." else tmp_path / "old"
        done = self.ledger(where, "init", *source)

        assert done.returncode == 0, done.stderr
        settings = (where / "ledger.toml").read_text()
        assert 'kind = "blog"' in settings
        assert '"ja"' in settings
        assert "pt-br" in settings

    def test_a_folder_of_notes_is_none(self, tmp_path):
        """Texts without dates are a corpus, not a blog."""
        (tmp_path / "notes").mkdir()
        for number in range(3):
            (tmp_path / "notes" / f"{number}.md").write_text(f"A text about the sea, {number}.")

        assert self.ledger(tmp_path, "init", "notes").returncode == 0
        assert 'kind = "poems"' in (tmp_path / "ledger.toml").read_text()
