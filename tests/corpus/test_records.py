"""A raw record becomes a document, or the list of all its problems."""

# ruff: noqa: DTZ001 (dates without a zone are what documents have)

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.corpus.document import Document
from ledger.corpus.records import RecordResult, read_record
from ledger.corpus.settings import CorpusSettings

SETTINGS = CorpusSettings(max_document_bytes=20)
GOOD = {"id": 1, "category": "law", "content": "In the beginning"}

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters())
ANY_JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5
)
FIELDS = ["id", "category", "content", "title", "author", "source", "creation_date", "created_at"]
NEARLY_RECORDS = st.dictionaries(st.sampled_from(FIELDS), ANY_JSON)


def _read(raw: object) -> RecordResult:
    return read_record(raw, "poems.json record 7", SETTINGS)


def _whats(raw: object) -> list[str]:
    return [problem.what for problem in _read(raw).problems]


@settings(deadline=None)
@given(ANY_JSON | NEARLY_RECORDS)
def test_any_json_value_is_a_document_or_problems(raw: object) -> None:
    """Any value yields either a document or problems, which are printable."""
    record = _read(raw)

    assert (record.document is None) == bool(record.problems)
    assert "\n".join(map(str, record.problems)).encode()


def test_a_whole_record_is_read() -> None:
    """Every field of a record arrives in its document."""
    raw = GOOD | {
        "title": "Genesis",
        "author": "Moses",
        "source": "Ge 1:1",
        "creation_date": "2016-01-01T12:31:00",
    }
    expected = Document(
        category="law",
        id="1",
        content="In the beginning",
        title="Genesis",
        date=datetime(2016, 1, 1, 12, 31),
        source="Ge 1:1",
        author="Moses",
    )

    assert RecordResult("poems.json record 7", "law/1", expected) == _read(raw)


@pytest.mark.parametrize("identifier", ["1", 1, "../../etc/passwd", "CON", "😀", -3, "x" * 1000])
def test_strange_ids_are_legal(identifier: str | int) -> None:
    """Any text or integer is an id, and 1 and "1" are the same."""
    assert f"law/{identifier}" == _read(GOOD | {"id": identifier}).identity


@pytest.mark.parametrize("field", ["title", "author", "source"])
def test_null_is_as_good_as_absent(field: str) -> None:
    """Null in an optional field counts as absent."""
    assert _read(GOOD) == _read(GOOD | {field: None})


def test_a_missing_category_is_all() -> None:
    """A record without a category belongs to the category `all`."""
    assert "all/1" == _read({"id": 1, "content": "x"}).identity


def test_created_at_is_a_date_too() -> None:
    """All names of the date field are accepted."""
    document = _read(GOOD | {"creation_date": None, "created_at": "2024-05-31"}).document

    assert document is not None
    assert datetime(2024, 5, 31) == document.date


def test_line_ends_become_newlines() -> None:
    """Windows' and old Macintosh's line ends become newlines."""
    document = _read(GOOD | {"content": "a\r\nb\rc"}).document

    assert document is not None
    assert "a\nb\nc" == document.content


@pytest.mark.parametrize("content", ["", " \n"])
def test_blank_content_is_fine_under_a_title(content: str) -> None:
    """A title alone makes a document."""
    assert () == _read(GOOD | {"content": content, "title": "Silence"}).problems


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"id": None}, "id is missing"),
        ({"id": 1.0}, "id is a decimal number, not text or a whole number"),
        ({"id": True}, "id is true or false, not text or a whole number"),
        ({"id": " "}, "id is empty"),
        ({"id": []}, "id is a list, not text or a whole number"),
        ({"id": "é" * 501}, "id has 1,002 bytes, more than any id needs"),
        ({"category": 3}, "category is a number, not text"),
        ({"category": ""}, "category is empty"),
        ({"content": None}, "content is missing"),
        ({"content": {}}, "content is a table, not text"),
        ({"content": ""}, "content is empty, and there is no title"),
        ({"content": "é" * 11}, "content has 22 bytes, more than the 20 allowed"),
        ({"content": "a\0"}, "content has U+0000 (NUL) at character 2"),
        ({"content": "\ud800"}, "content has the unpaired surrogate U+D800 at character 1"),
        ({"title": 3}, "title is a number, not text"),
        ({"author": ["A"]}, "author is a list, not text"),
        ({"source": False}, "source is true or false, not text"),
        ({"creation_date": 1700000000}, "creation_date is not a date written as text"),
        ({"created_at": "soon"}, "created_at is 'soon', not a date"),
    ],
)
def test_what_is_wrong_with_a_field_is_said(change: dict[str, object], what: str) -> None:
    """An invalid field is named, with its problem."""
    assert [what] == _whats(GOOD | change)


@pytest.mark.parametrize(
    "point", [0x01, 0x08, 0x0B, 0x0C, 0x1F, 0x7F, 0x9F, 0xFDD0, 0xFFFF, 0x1FFFE]
)
def test_characters_that_html_forbids_are_refused(point: int) -> None:
    """Controls and noncharacters are named by their code points."""
    expected = f"title has U+{point:04X}, which no HTML page may hold at character 2"

    assert [expected] == _whats(GOOD | {"title": f"a{chr(point)}"})


@pytest.mark.parametrize("character", ["\t", "\n", "\x85", "\u2028", "\u200d", "\ue000", "😀"])
def test_other_odd_characters_are_fine(character: str) -> None:
    """White space, joiners, private-use characters and emoji are accepted."""
    assert [] == _whats(GOOD | {"title": f"a{character}b"})


def test_all_problems_of_a_record_come_at_once() -> None:
    """One bad field does not hide another."""
    assert 4 == len(_whats({"id": 1.5, "category": 2, "title": 3, "created_at": 4, "content": "x"}))


def test_a_problem_has_a_location_and_a_remedy() -> None:
    """A problem has the location, the identity, and a line for ledger.toml."""
    (problem,) = _read(GOOD | {"content": "x" * 21}).problems

    assert "poems.json record 7 (law/1)" == problem.where
    assert 'set [corpus] max_document_bytes = 21, or [corpus] exclude = ["law/1"]' == problem.remedy


@pytest.mark.parametrize("raw", [None, 1, "text", [GOOD]])
def test_a_record_that_is_no_object_is_refused(raw: object) -> None:
    """Only an object is a record."""
    (problem,) = _read(raw).problems

    assert "poems.json record 7" == problem.where
    assert problem.what.endswith(", not a table")
