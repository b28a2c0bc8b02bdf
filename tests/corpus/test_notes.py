"""A folder of notes: front matter, names with dates, and their problems."""

# ruff: noqa: DTZ001 (dates without a zone are what documents have)

from __future__ import annotations

import os
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ledger.corpus import corpus_files, read_corpus
from ledger.corpus.document import Document
from ledger.corpus.notes import read_notes
from ledger.corpus.settings import CorpusSettings
from ledger.errors import BadInputError

CORPORA = Path(__file__).resolve().parents[2].parent / "shared" / "corpora"
MAY = datetime(2024, 5, 31)


def _note(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def _one(folder: Path, name: str, content: str) -> Document:
    _note(folder, name, content)
    (document,) = read_corpus(folder, CorpusSettings())
    return document


def _problems(folder: Path, name: str, content: str | bytes) -> list[tuple[str, str]]:
    _note(folder, name, content)
    with pytest.raises(BadInputError) as caught:
        read_corpus(folder, CorpusSettings())
    return [(problem.where, problem.what) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.txt", "Hello\n", Document("notes", "a", "Hello")),
        ("en/a.md", "Hello", Document("en", "a", "Hello")),
        ("en/x/a.MD", "Hello", Document("en/x", "a", "Hello")),
        ("2024-05-31-a.md", "Hello", Document("notes", "2024-05-31-a", "Hello", date=MAY)),
        ("2024-05-31.md", "Hello", Document("notes", "2024-05-31", "Hello", date=MAY)),
        ("a.md", "---\ntitle: A\n---\n\nHello\n", Document("notes", "a", "Hello", "A")),
        ("a.md", "---\r\ntitle: A\r\n---\r\nHello\r\n", Document("notes", "a", "Hello", "A")),
        ("a.md", "\ufeff---\ntitle: A\n---\nHello", Document("notes", "a", "Hello", "A")),
        ("a.md", "---\n---\nHello", Document("notes", "a", "Hello")),
        ("a.md", "---\ntitle: A\n---", Document("notes", "a", "", "A")),
        ("a.md", "---\nid: 0042\n---\nHello", Document("notes", "0042", "Hello")),
        ("a.md", "---\ntitle: No\n---\nHello", Document("notes", "a", "Hello", "No")),
        ("a.md", "---\ntitle: ~\ndate:\n---\nHello", Document("notes", "a", "Hello")),
        ("en/a.md", "---\ncategory: b\n---\nHello", Document("b", "a", "Hello")),
        ("a.md", "---\ndate: 2024-05-31\n---\nHello", Document("notes", "a", "Hello", date=MAY)),
        (
            "2020-01-01-a.md",
            "---\ndate: 2024-05-31 00:00:00 +0000\nauthor: B\n---\nHello",
            Document("notes", "2020-01-01-a", "Hello", date=MAY.replace(tzinfo=UTC), author="B"),
        ),
        (
            "a.md",
            '+++\ntitle = "A"\nid = 7\ndate = 2024-05-31\n+++\nHello',
            Document("notes", "7", "Hello", "A", date=MAY),
        ),
    ],
)
def test_a_note_is_read(tmp_path: Path, name: str, content: str, expected: Document) -> None:
    """Front matter and path give the fields of a note; the rest is its content."""
    assert expected == _one(tmp_path, name, content)


def test_leading_spaces_of_a_poem_are_kept(tmp_path: Path) -> None:
    """Only blank lines around the content are removed."""
    assert "  a\n    b" == _one(tmp_path, "a.txt", "\n\n  a\n    b\n\n").content


def test_notes_come_sorted_by_relative_path(tmp_path: Path) -> None:
    """The order does not depend on the file system; hidden files are skipped."""
    names = ["b.txt", "a/z.md", "a.md", ".git/x.md", ".x.md", "a/image.png"]
    paths = {name: _note(tmp_path, name, "text") for name in names}

    assert [paths[name] for name in ("a.md", "a/z.md", "b.txt")] == corpus_files(tmp_path)
    assert ["notes/a", "a/z", "notes/b"] == [
        document.identity for document in read_corpus(tmp_path, CorpusSettings())
    ]


@pytest.mark.parametrize(
    ("content", "line", "what"),
    [
        (
            "---\ntitle: A\n",
            " line 1",
            "the front matter that its first line opens is never closed",
        ),
        ("---\na rule\n---\nHello", " line 2", "front matter is not a table of fields"),
        (
            '---\nx: 1\ntitle: "A\n---\nHello',
            " line 4",
            "front matter is not YAML: found unexpected end of stream",
        ),
        (
            "+++\ntitle = A\n+++\nHello",
            " line 2",
            "front matter is not TOML: Invalid value (at line 2, column 9)",
        ),
        ("---\nx: 1\ntitle: [A]\n---\nHello", " line 3 (notes/a)", "title is a list, not text"),
        ("+++\n\ntitle = 3\n+++\nHello", " line 3 (notes/a)", "title is a number, not text"),
        (
            "+++\ndate = 10:00:00\n+++\nHello",
            " line 2 (notes/a)",
            "date is not a date written as text",
        ),
        ("---\ndate: soon\n---\nHello", " line 2 (notes/a)", "date is 'soon', not a date"),
        (
            "---\ntitle: A\n---\n\nHello\n\0",
            " line 6 (notes/a)",
            "content has U+0000 (NUL) at character 7",
        ),
        (b"one\ntwo \xff\n\xff", " line 2", "byte 8 of the file (0xff) is not UTF-8"),
        ("", " line 1 (notes/a)", "content is empty, and there is no title"),
        (
            "---\nx: " + "[" * 20_000 + "\n---\nHello",
            " line 1",
            "front matter has 20,004 characters, more than 10,000",
        ),
    ],
)
def test_a_problem_names_its_line(
    tmp_path: Path, content: str | bytes, line: str, what: str
) -> None:
    """A problem names the file by its relative path, and the line in it."""
    assert [(f"a.md{line}", what)] == _problems(tmp_path, "a.md", content)


def test_bad_bytes_and_bad_front_matter_are_both_reported(tmp_path: Path) -> None:
    """A note with invalid UTF-8 and invalid front matter has both problems, each once."""
    expected = [
        ("a.md line 4", "byte 24 of the file (0xff) is not UTF-8"),
        ("a.md line 2", "front matter is not a table of fields"),
    ]

    assert expected == _problems(tmp_path, "a.md", b"---\na rule\n---\nHello you\xff")


def test_a_strange_yaml_key_is_no_field(tmp_path: Path) -> None:
    """A key that contains itself is ignored like any unknown one."""
    assert "Hello" == _one(tmp_path, "a.md", "---\n? &a [*a]\n: b\n---\nHello").content


def test_deeply_nested_front_matter_is_survived(tmp_path: Path) -> None:
    """The deepest nesting that fits into front matter is read."""
    nested = "[" * 4_990 + "]" * 4_990

    assert "Hello" == _one(tmp_path, "a.md", f"---\nx: {nested}\n---\nHello").content


def test_an_impossible_date_in_a_name_is_refused(tmp_path: Path) -> None:
    """A name that begins like a date must begin with a valid one."""
    expected = [
        (
            "2024-02-30-a.md line 1 (notes/2024-02-30-a)",
            "date is '2024-02-30', not a date: day is out of range for month",
        )
    ]

    assert expected == _problems(tmp_path, "2024-02-30-a.md", "Hello")


def test_two_notes_of_one_id_are_duplicates(tmp_path: Path) -> None:
    """A text file and a Markdown file of the same name have the same identity."""
    _note(tmp_path, "a.md", "Hello")

    assert [("a.txt", "notes/a is also the identity of a.md")] == _problems(
        tmp_path, "a.txt", "Hello"
    )


def test_a_file_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """A name that is not UTF-8 is reported in printable form."""
    try:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.md")).write_text("Hello")
    except OSError:
        pytest.skip("this file system takes only names in UTF-8")

    (problem,) = next(read_notes(tmp_path, CorpusSettings())).problems

    assert r"\udcff.md line 1" == problem.where


def test_an_empty_folder_is_no_corpus(tmp_path: Path) -> None:
    """A folder without notes is refused."""
    assert [(str(tmp_path), "holds no documents")] == _problems(tmp_path, "image.png", "")


@pytest.mark.corpus
def test_the_real_posts_are_understood(tmp_path: Path) -> None:
    """Among 4,723 real posts only those with a backspace are refused, and all are dated."""
    archive = CORPORA / "ruby-news.tar.gz"
    if not archive.exists():
        pytest.skip("ruby-news.tar.gz does not lie beside the checkout")
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path, filter="data")

    records = list(read_notes(tmp_path / "ruby-news", CorpusSettings()))

    assert 4_723 == len(records)
    assert {"content has U+0008"} == {
        problem.what.partition(",")[0] for record in records for problem in record.problems
    }
    assert all(record.document.date for record in records if record.document)
