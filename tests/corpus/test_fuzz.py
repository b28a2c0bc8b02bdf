"""Any input yields documents, or problems with a location and a remedy: never another error."""

from __future__ import annotations

import gzip
import json
import tempfile
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ledger.corpus import read_corpus
from ledger.corpus.dates import parse_date, sort_key
from ledger.corpus.document import Document
from ledger.corpus.ordered import OrderedDocument, order_documents
from ledger.corpus.records import is_blank
from ledger.corpus.settings import CorpusSettings, WordSettings
from ledger.corpus.slugs import DEVICES, slug
from ledger.corpus.words import vocabulary
from ledger.errors import BadInputError
from ledger.project.load import load_project

if TYPE_CHECKING:
    from datetime import datetime

FEW = settings(max_examples=60, deadline=None, derandomize=True, database=None)
MANY = settings(max_examples=100, deadline=None, derandomize=True, database=None)

# what readers trip over, more often than chance would have it
SHARP = st.sampled_from(
    ["", " ", "\0", "\ud800", "\ufeff", "\u202e", "\u200b", "\ue000", "\uffff", "\r", "\x85", "..",
     "/", "\\", "CON", "index", "e\u0301", "é", "ﬁ", "İ", "．", "~", "<b>", "{{ x }}", "---", "+++",
     "9" * 5000, "x" * 2000, "2024-05-31", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59",
     "2024-02-30", "!!python/object:os.system x", "*a", "&a x", "[" * 50, "null", "~", "- x", "|"]
)  # fmt: skip
TEXT = st.text(st.characters(), max_size=20) | SHARP | st.lists(SHARP, max_size=3).map("".join)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXT
VALUES = st.recursive(
    SCALARS, lambda some: st.lists(some) | st.dictionaries(TEXT, some), max_leaves=4
)
FIELDS = ("id", "category", "content", "title", "author", "source", "date", "created_at", "other")
RECORDS = st.dictionaries(st.sampled_from(FIELDS), VALUES)
SOUND = st.fixed_dictionaries(
    {"id": st.integers(), "content": TEXT.map("x".__add__)},
    optional={"category": TEXT, "title": TEXT},
)
DOCUMENTS = st.lists(SOUND, max_size=3) | st.lists(RECORDS | SOUND | VALUES, max_size=4)


def cut(draw: st.DrawFn, data: bytes) -> bytes:
    """Draw some bytes unchanged, or with a piece removed or inserted."""
    change, at = draw(st.sampled_from("   -+")), draw(st.integers(0, len(data)))
    if change == "+":
        return data[:at] + draw(st.binary(max_size=4)) + data[at:]
    return data[:at] + data[at + draw(st.integers(1, 9)) :] if change == "-" else data


@st.composite
def json_files(draw: st.DrawFn) -> tuple[str, bytes]:
    """Draw a .json or .jsonl file that may be a corpus, compressed or not, intact or damaged."""
    raw, name = draw(DOCUMENTS), draw(st.sampled_from(["p.json", "p.jsonl", "p.ndjson"]))
    ascii_ = draw(st.booleans())
    if name == "p.json":
        text = json.dumps({"poems": raw} if draw(st.booleans()) else raw, ensure_ascii=ascii_)
    else:
        text = "\n".join(json.dumps(record, ensure_ascii=ascii_) for record in raw)
    data = cut(draw, text.encode("utf-8", "surrogatepass"))
    return (f"{name}.gz", cut(draw, gzip.compress(data))) if draw(st.booleans()) else (name, data)


@st.composite
def notes(draw: st.DrawFn) -> bytes:
    """Draw a note with front matter, or something similar."""
    fence = draw(st.sampled_from(["---", "+++", "--- ", "--"]))
    sign = " = " if fence == "+++" else draw(st.sampled_from([": ", ":", ": |\n  ", ": >-\n "]))
    values = TEXT | TEXT.map(json.dumps) | VALUES.map(json.dumps)
    lines = draw(st.lists(st.tuples(st.sampled_from(FIELDS) | TEXT, values), max_size=4))
    front = "".join(f"{key}{sign}{value}\n" for key, value in lines)
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    text = f"{fence}\n{front}{draw(st.sampled_from([fence, '---', '']))}\n{draw(TEXT)}"
    return cut(draw, text.replace("\n", end).encode("utf-8", "surrogatepass"))


SECTIONS = ("site", "corpus", "embedding", "pages", "words", "workers", "themes", "other")
NAMES = ("title", "output", "language", "path", "exclude", "depth", "count", "max_share",
         "lease_seconds", "timeout", "stop_words", "max_attempts", "dimension", "x")  # fmt: skip
TOML = st.sampled_from(
    ["1", "-1", "nan", "inf", "-inf", "1e999", "0x" + "f" * 40, "true", '"all"', '""', "'a/b'", "[]",
     "['a', 1]", "{}", "{a = 'b'}", "07:32:00", "9999-12-31T23:59:59-23:59", '"\\u0000"', '"..\\\\x"',
     '".LEDGER"', '"\\u202e"', "1" * 5000, "[" * 50, "'''", "0." + "1" * 400]
)  # fmt: skip


@st.composite
def settings_files(draw: st.DrawFn) -> bytes:
    """Draw a ledger.toml that may be valid."""
    lines = []
    for section in draw(st.lists(st.sampled_from(SECTIONS), max_size=3)):
        lines.append(f"[{section}]")
        for name in draw(st.lists(st.sampled_from(NAMES) | TEXT, max_size=4)):
            value = draw(TOML | TEXT.map(json.dumps))
            lines.append(f"{name} = {value}")
    return cut(draw, "\n".join(lines).encode("utf-8", "surrogatepass"))


def check_corpus(name: str, data: bytes) -> None:
    """Read a corpus of one file, which must yield documents or problems."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(data)
        try:
            documents = read_corpus(path.parent if name.endswith(".md") else path, CorpusSettings())
        except BadInputError as error:
            check_error(error)
        else:
            check_documents(documents)


def check_error(error: BadInputError) -> None:
    """Check that every problem has all of its parts, and is printable."""
    assert error.problems
    for problem in error.problems:
        assert problem.where
        assert problem.what
        assert problem.remedy
        assert "\x1b" not in str(problem)
        assert len(str(problem)) < 5_000
    assert str(error).encode()


def check_documents(documents: list[Document]) -> None:
    """Check that documents can be ordered, stored, read back and found by identity."""
    ordered = order_documents(documents)
    rows = [{name: getattr(item, name) for name in OrderedDocument.__slots__} for item in ordered]
    text = json.dumps(rows, ensure_ascii=False)

    assert ordered == [OrderedDocument.from_row(row) for row in json.loads(text.encode())]
    assert len(documents) == len({seen_anywhere(item.slug) for item in ordered})
    assert not any(is_blank(item.label) for item in ordered)
    vocabulary(documents, WordSettings(min_count=1, min_length=1))


def seen_anywhere(name: str) -> str:
    """Return a name as the least discriminating file system compares it."""
    folded = unicodedata.normalize("NFKD", name).casefold()
    return unicodedata.normalize("NFKD", folded)


@MANY
@given(json_files())
@example(("p.json", b"[" * 10_000))
@example(("p.json.gz", gzip.compress(b"[]")[:-4]))
@example(("p.jsonl", b'{"id":1,"id":2}'))
def test_any_json_is_a_corpus_or_problems(file: tuple[str, bytes]) -> None:
    """Records with hostile values, compressed or not, intact or damaged, never crash the reader."""
    check_corpus(*file)


@MANY
@given(notes())
@example(b"---\n" + b"[" * 5_000 + b"\n---\n")
def test_any_note_is_a_document_or_problems(data: bytes) -> None:
    """Front matter in YAML and TOML, intact or damaged, never crashes the reader."""
    check_corpus("a.md", data)


@FEW
@given(
    st.sampled_from(["p.json", "p.jsonl", "p.json.gz", "p.jsonl.gz", "a.md"]),
    st.binary(max_size=200)
    | st.sampled_from([b"---\n", b"+++\n", b"\x1f\x8b\x08\0"]).flatmap(
        lambda start: st.binary(max_size=100).map(lambda rest: start + rest)
    ),
)
def test_any_bytes_are_a_corpus_or_problems(name: str, data: bytes) -> None:
    """Random bytes never crash the reader."""
    check_corpus(name, data)


@MANY
@given(settings_files() | st.binary(max_size=100))
@example(b'[site]\noutput="a\\u000000\\u0000b\\b"\n')  # found by atheris
@example(b"x = " + b"[" * 5_000)
@example(b"[pages]\ndepth = " + b"9" * 5_000)
def test_any_settings_are_a_project_or_problems(data: bytes) -> None:
    """A project that loads has its output below its root, apart from all of its other files."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        (root / "ledger.toml").write_bytes(data)
        try:
            project = load_project(root)
        except BadInputError as error:
            check_error(error)
        else:
            assert root in project.output.resolve().parents
            assert project.output.resolve().relative_to(root).parts[0].casefold() != ".ledger"


@MANY
@given(TEXT | st.from_regex(r"[0-9]{4}-[01][0-9]-[0-3][0-9]([T ][0-2]?[0-9]:[0-9]{2}(:[0-6][0-9])?"
                            r"(\.[0-9]+)? ?(Z|[+-][0-9]{2}:?[0-9]{2})?)?", fullmatch=True))  # fmt: skip
def test_any_text_is_a_date_or_a_value_error(text: str) -> None:
    """A parsed date can be sorted, and survives formatting and parsing."""
    try:
        date = parse_date(text)
    except ValueError as error:
        assert str(error)
    else:
        assert date is None or (isinstance(sort_key(date), float) and date == _again(date))


def _again(date: datetime) -> datetime | None:
    return parse_date(date.isoformat())


@MANY
@given(st.lists(TEXT, min_size=2, max_size=8, unique=True))
def test_any_names_are_distinct_paths_everywhere(names: list[str]) -> None:
    """Slugs of any names are safe, and distinct on any file system."""
    slugs = [slug(name) for name in names]

    assert len(names) == len({seen_anywhere(made) for made in slugs})
    for made in slugs:
        assert made == Path(made).name
        assert len(made.encode()) <= 80
        assert made == made.strip(". ")
        assert made.partition(".")[0] not in DEVICES
        assert not any(unicodedata.category(letter)[0] in "CZ" for letter in made)


@FEW
@given(st.lists(TEXT.filter(lambda text: "\ud800" not in text), max_size=25), st.integers(1, 4))
def test_any_texts_have_words_or_none(texts: list[str], least: int) -> None:
    """Every word of the cloud is printable, and has a size and a path."""
    documents = [Document("all", str(number), text) for number, text in enumerate(texts)]
    words = vocabulary(documents, WordSettings(min_count=1, min_length=least))

    assert len(words) == len({seen_anywhere(slug(word.text)) for word in words})
    assert all(word.text.strip() and 1 <= word.size <= 9 for word in words)


@pytest.mark.parametrize("name", ["p.json", "p.jsonl", "p.json.gz", "a.md"])
def test_no_bytes_are_no_corpus(name: str) -> None:
    """An empty file is refused, or has no documents."""
    check_corpus(name, b"")
