"""ledger.toml: defaults, checks, and every problem at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.errors import BadInputError, LedgerError
from ledger.project.load import find_root, load_project, parse_project, setting_names
from ledger.project.new import create, new_files
from ledger.sites.poems.new import settings_text

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_everything_is_optional(tmp_path):
    """An empty file is a project with defaults."""
    project = parse_project(tmp_path, "")

    assert project.settings.pages.depth == 200
    assert project.output == tmp_path / "site"


def test_a_new_file_says_the_defaults(tmp_path):
    """What `init` writes means the same as nothing at all."""
    written = parse_project(tmp_path, settings_text("poems.json", "Poems")).settings

    assert written == parse_project(tmp_path, "").settings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[pages]\ndepht = 3", "did you mean depth?"),
        ('[pages]\ndepth = "some"', '1 or more, or "all"'),
        ("[pages]\ndepth = true", "a whole number or text"),
        ("[pages]\nper_page = 0", '1 or more, or "all"'),
        ("[site]\ntitle = 3", "make it text"),
        ("site = 3", "a table, [site]"),
        ('[corpus]\nexclude = "a"', "a list of texts"),
        ("[themes]\na = 1", "a table of texts"),
        ("themes = {}", "at least one theme"),
        ("[words]\nmax_share = 2.0", "between 0 and 1"),
        ("[workers]\nlease_seconds = 0.1", "1 or more"),
        ('[site]\noutput = "../elsewhere"', "not a folder inside the project"),
        ('[site]\noutput = "/tmp"', "not a folder inside the project"),
        ('[site]\noutput = "."', "not a folder inside the project"),
        ('[site]\noutput = ".ledger/x"', "holds other things"),
        ('[site]\noutput = "templates"', "holds other things"),
        ("[site", "is not TOML"),
    ],
)
def test_a_wrong_setting_is_refused_with_a_remedy(tmp_path, text, expected):
    """Each kind of mistake says what to do."""
    with pytest.raises(BadInputError) as caught:
        parse_project(tmp_path, text)

    assert expected in str(caught.value)


def test_all_problems_are_reported_together(tmp_path):
    """Three mistakes make one report."""
    with pytest.raises(BadInputError) as caught:
        parse_project(tmp_path, "[site]\na = 1\nb = 2\n[nope]\nc = 3")

    assert len(caught.value.problems) == 3


def test_a_file_that_is_not_utf8_is_refused(tmp_path):
    """With the byte named."""
    (tmp_path / "ledger.toml").write_bytes(b'title = "\xff"')

    with pytest.raises(BadInputError, match="1 problem"):
        load_project(tmp_path)


def test_the_root_is_found_from_below(tmp_path):
    """The nearest folder with a ledger.toml."""
    (tmp_path / "ledger.toml").write_text("")
    (tmp_path / "a" / "b").mkdir(parents=True)

    assert find_root(tmp_path / "a" / "b") == tmp_path.resolve()


def test_no_project_is_an_error_with_a_remedy(tmp_path):
    """It says how to begin."""
    with pytest.raises(LedgerError, match=r"no ledger\.toml") as caught:
        find_root(tmp_path)

    assert "ledger init" in caught.value.remedy


def test_every_setting_is_documented():
    """The tables name all of them; those of a blog have their own page."""
    text = (DOCS / "settings.md").read_text("utf-8")
    of_blogs = (DOCS / "blog.md").read_text("utf-8")
    sections = setting_names()
    blog = sections.pop("blog")
    names = [f"{section}.{name}" for section, names in sections.items() for name in names]

    assert [name for name in names if f"`{name}`" not in text] == []
    assert [name for name in blog if f"`{name}`" not in of_blogs] == []


def test_an_empty_folder_gets_the_starter(tmp_path):
    """Corpus and settings."""
    create(tmp_path, new_files(tmp_path, None))

    assert sorted(path.name for path in tmp_path.iterdir()) == ["ledger.toml", "poems.json"]


def test_a_full_folder_needs_a_corpus_named(tmp_path):
    """Nothing is guessed."""
    (tmp_path / "thesis.doc").write_text("")

    with pytest.raises(LedgerError, match="not empty"):
        new_files(tmp_path, None)


def test_a_corpus_elsewhere_is_named_in_full(tmp_path):
    """A corpus outside the project is found again."""
    corpus = tmp_path / "a.jsonl"
    corpus.write_text("")
    root = tmp_path / "project"
    root.mkdir()

    create(root, new_files(root, corpus))

    assert load_project(root).corpus_path == corpus


def test_another_corpus_is_not_taken_silently(tmp_path):
    """A project keeps its corpus until its settings say otherwise."""
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text("[]")
    create(tmp_path, new_files(tmp_path, tmp_path / "a.json"))

    assert new_files(tmp_path, tmp_path / "a.json") == {}
    with pytest.raises(LedgerError, match="already names the corpus"):
        new_files(tmp_path, tmp_path / "b.json")


def test_a_missing_corpus_is_refused(tmp_path):
    """Before anything is written."""
    with pytest.raises(LedgerError, match="no corpus at"):
        new_files(tmp_path, tmp_path / "a.json")
