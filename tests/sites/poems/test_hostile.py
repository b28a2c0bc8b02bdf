"""A corpus that attacks the pages, and an output tree that attacks the files outside it."""

from __future__ import annotations

import json
import subprocess
import sys
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import html5lib
import pytest
from support.site_checker import check_html5, check_site

from ledger.corpus.records import is_blank
from ledger.corpus.slugs import DEVICES
from ledger.planning.make import make_plan
from ledger.planning.plan import NothingKnown
from ledger.project.load import parse_project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MARKUP = (
    "{{ 7*7 }}",
    "{% include 'home.html' %}{# gone #}",
    "</pre></div></article><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "]]><!-- <![CDATA[ <?php",
    "&lt;b&gt; &amp;amp; &#x22; &copy",
    "</title></textarea></style><base href=//evil.example>",
    "{{ ''.__class__.__mro__ }} ${7*7} <%= 7*7 %> #{7*7}",
    "\u202eright to left\u202c \u2028 \ufeff \u200b",
)
SITE = MARKUP[2] + MARKUP[8]  # the site's own title
NAMES = (
    "..", ".", "../../../etc/passwd", "/etc/passwd", "..\\..\\x", "C:\\x", "\\\\host\\share",
    "．．／x", "․․/x", "a\u202egnp.html", "\u200b", "\u2066a", "é", "e\u0301", "E\u0301", "É",
    "ß", "ss", "ẞ", "ﬁ", "fi", "K", "k", "\u212a", "İ", "i̇", "I", "i", "ı", "ſ", "s",
    "CON", "con", "NUL.txt", "aux", "com1.html", "COM¹", "a.", "a ", "a", " a", "a...", "A",
    "index", "INDEX", "0001", "x" * 300, "詩" * 100, "~", "a~2", "%2e%2e%2f", "?q#f", "a/b",
    "b/../a", "-rf", "$(id)", "`id`", "a|b", "*", "\t", "a\nb", "\x85x", "\u2028x",
)  # fmt: skip


def poems() -> Iterator[dict[str, Any]]:
    """Return documents whose every field is an attack."""
    for number, attack in enumerate(MARKUP):
        yield {
            "id": f"m{number}", "category": attack, "title": attack, "content": f"{attack}\n {attack}",
            "author": attack, "source": attack, "date": f"2024-05-{number + 1:02}T18:30:00Z",
        }  # fmt: skip
    for attack in MARKUP[:4]:
        yield {"id": attack, "category": "..", "content": attack, "source": f"{attack} again"}


def names() -> Iterator[dict[str, Any]]:
    """Return documents whose ids and categories are names that escape, vanish or collide."""
    for name in NAMES:
        if not is_blank(name):
            yield {"id": name, "category": "names", "content": "Name"}
            yield {"id": "1", "category": name, "content": "Category"}


@dataclass
class Built:
    """A site that was built at the second attempt, and the report of the first."""

    root: Path
    failures: list[dict[str, Any]]
    failed_code: int
    after_failure: dict[str, bytes]
    outside: dict[str, bytes]

    def ledger(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command in the project."""
        return subprocess.run(
            [sys.executable, "-m", "ledger", *arguments],
            cwd=self.root, capture_output=True, text=True, timeout=100, check=False,
        )  # fmt: skip

    @property
    def site(self) -> Path:
        """The folder of the pages."""
        return self.root / "site"

    def pages(self) -> list[Path]:
        """Return every page but 404.html."""
        return sorted(path for path in self.site.rglob("*.html") if path.name != "404.html")


def files(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder, by path."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def plant(built: Built, outside: Path) -> list[Path]:
    """Block the path of a page of every kind; return what to remove afterwards."""
    built.site.mkdir()
    outside.mkdir()
    (outside / "precious").write_text("precious")
    (built.site / "similar").symlink_to(outside)
    (built.site / "documents").symlink_to(outside / "nothing")
    (built.site / "words").symlink_to(built.site / "nothing")
    (built.site / "different").write_text("a person's")
    (built.site / "404.html").mkdir()
    (built.site / "style.css").symlink_to(outside / "precious")
    (built.site / "index.html").symlink_to(outside / "new")
    return [
        built.site / name for name in ("similar", "documents", "words", "different", "404.html")
    ]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Build the site of that corpus, first with blocked paths and then without."""
    root = tmp_path_factory.mktemp("hostile")
    built = Built(root, [], 0, {}, {})
    (root / "poems.json").write_text(json.dumps(list(poems())), "utf-8")
    (root / "ledger.toml").write_text(
        f"[site]\ntitle = {json.dumps(SITE)}\n[pages]\nper_page = 8\ndepth = 10\n"
        f'[words]\nmin_count = 2\n[themes]\n{json.dumps(MARKUP[3])} = "love"\nb = "war"\n'
    )
    planned = built.ledger("init")
    assert planned.returncode == 0, planned.stdout + planned.stderr
    in_the_way = plant(built, root / "outside")
    failed = built.ledger("spawn", "2", "--keep-going", "--quiet", "--json")
    built.failed_code, built.failures = failed.returncode, json.loads(failed.stdout)["failures"]
    built.after_failure, built.outside = files(built.site), files(root / "outside")
    for path in in_the_way:
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    assert built.ledger("retry", "--failed").returncode == 0
    done = built.ledger("spawn", "2", "--quiet")
    assert done.returncode == 0, done.stdout + done.stderr
    return built


TAGS = set(
    """html head meta title link body a header p nav main footer article div time h1 h2 small section
    ol ul li span i bdi""".split()
)
ATTRIBUTES = set(
    """lang charset name content rel href class id aria-label aria-current aria-hidden datetime
    style""".split()
)


@cache
def parsed(page: Path) -> Any:
    """Parse a page as a browser does."""
    return html5lib.parse(page.read_text("utf-8"), namespaceHTMLElements=False)


def text(element: Any) -> str:
    """Return all text of an element."""
    return "".join(element.itertext())


def test_no_field_becomes_markup(built: Built) -> None:
    """Every element and attribute of every page comes from the templates."""
    for page in built.pages():
        for element in parsed(page).iter():
            assert isinstance(element.tag, str), (page, element)  # a comment's is a function
            assert element.tag in TAGS, (page, element.tag)
            assert set(element.attrib) <= ATTRIBUTES, (page, element.tag, element.attrib)
            assert not element.get("style", "").strip("abcdefghijklmnopqrstuvwxyz-: 0123456789")


def test_no_field_becomes_an_address(built: Built) -> None:
    """Every link leads to a page of the site, and every page is linked."""
    report = check_site(built.site, processes=1)

    assert report.ok, str(report)
    assert report.pages == len(built.pages()) + 1


def test_every_field_comes_out_as_the_text_it_is(built: Built) -> None:
    """Pages show the fields of a document exactly as in its source."""
    expected = {poem.get("title") or poem["source"]: poem for poem in poems()}
    seen = set()
    for page in built.pages():
        for article in parsed(page).iter("article"):
            title = text(article.find("h2"))
            poem = expected[title]
            seen.add(title)
            about = text(article.find("p"))
            assert poem["content"] == text(article.find("div"))
            assert "author" not in poem or about.endswith(f" · {title} · {title}")
    assert seen == set(expected)


def test_headings_and_titles_are_text(built: Built) -> None:
    """Site title, categories and labels appear unchanged in titles and headings."""
    home = parsed(built.site / "index.html")
    links = {text(link) for link in home.iter("a")}

    assert SITE == text(home.find("head/title")) == text(next(home.iter("h1")))
    assert {poem["category"] for poem in poems()} <= links
    for page in (built.site / "similar").rglob("*.html"):
        document = parsed(page)
        label = " ".join(text(document.find(".//article/h2")).split())
        start = label[:40].rsplit(" ", 1)[0]
        assert text(document.find(".//h1")).startswith(f"Most similar {start}")
        assert text(document.find("head/title")).startswith(f"Most similar: {start}")


def test_hostile_pages_are_html5(built: Built) -> None:
    """No document breaks the HTML5 parsing rules of a page."""
    assert check_html5(built.pages()) == []


def test_nothing_of_a_corpus_is_evaluated(built: Built) -> None:
    """Template expressions in documents are not evaluated."""
    for page in built.pages():
        assert ">49" not in page.read_text("utf-8")


def test_obstacles_fail_their_jobs_alone(built: Built) -> None:
    """A blocked path fails only its own job, with the cause; all other pages are built."""
    assert built.failed_code == 1
    assert all(item["what"] and item["context"] and item["remedy"] for item in built.failures)
    whats = {item["what"].partition(": ")[2] or item["what"][-30:] for item in built.failures}
    assert whats == {
        "site/different is a file where a folder should be",
        "site/words is a link to nothing where a folder should be",
        "a folder stands there",
        "project's output and state folders"[-30:],
    }
    assert "chronological/dated/0001.html" in built.after_failure
    assert built.after_failure["different"] == b"a person's"


def test_nothing_is_written_through_a_link(built: Built) -> None:
    """A link in the output tree is refused or replaced; its target is unchanged."""
    assert built.outside == {"precious": b"precious"}
    assert not (built.site / "style.css").is_symlink()
    assert not (built.site / "index.html").is_symlink()


def test_what_is_planned_stays_below_and_apart(tmp_path: Path) -> None:
    """Every planned path is plain, below its folder, and distinct on any file system."""
    (tmp_path / "poems.json").write_text(json.dumps([*names(), *poems()]), "utf-8")
    plan = make_plan(parse_project(tmp_path, ""), NothingKnown())
    paths = [path for job in plan.jobs for path in job.planned.outputs]

    assert len(plan.documents) == len([*names(), *poems()]) > 130
    assert len({seen_anywhere(path) for path in paths}) == len(paths)
    for path in paths:
        pure = PurePosixPath(path)
        assert pure.parts[0] in {"site", ".ledger"}
        assert not (set("".join(pure.parts)) & set('\\:*?"<>|'))
        for part in pure.parts[1:]:
            assert part == part.strip(" .")
            assert len(part.encode()) <= 100
            assert part.partition(".")[0].casefold() not in DEVICES
            assert not any(unicodedata.category(letter)[0] == "C" for letter in part)
            assert unicodedata.normalize("NFC", part).isprintable()


def seen_anywhere(path: str) -> str:
    """Return a path as the least discriminating file system compares it."""
    folded = unicodedata.normalize("NFKD", path).casefold()
    return unicodedata.normalize("NFKD", folded)
