"""Whole corpora: JSON and JSON Lines, exclusion, duplicates, and every problem at once."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.corpus import corpus_files, read_corpus
from ledger.corpus.settings import CorpusSettings
from ledger.errors import BadInputError, Problem

CORPORA = Path(__file__).resolve().parents[2].parent / "shared" / "corpora"
TWO = [{"id": 1, "content": "one"}, {"id": "2", "content": "two"}]
AS_LINES = "\n\n".join(json.dumps(raw) for raw in TWO)


def _write(path: Path, content: object) -> Path:
    """Write bytes unchanged, text in UTF-8 and anything else as JSON; compress for names in .gz."""
    if not isinstance(content, (bytes, str)):
        content = json.dumps(content)
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def _problems(path: Path, **settings: object) -> list[Problem]:
    with pytest.raises(BadInputError) as caught:
        read_corpus(path, CorpusSettings(**settings))  # type: ignore[arg-type]
    return list(caught.value.problems)


def _said(path: Path, **settings: object) -> list[tuple[str, str]]:
    return [(problem.where, problem.what) for problem in _problems(path, **settings)]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("poems.json", {"metadata": {}, "poems": TWO}),
        ("poems.json", TWO),
        ("poems.JSON", TWO),
        ("poems.json", b"\xef\xbb\xbf" + json.dumps(TWO).encode()),
        ("poems.json.gz", TWO),
        ("poems.jsonl", AS_LINES),
        ("poems.ndjson", AS_LINES.replace("\n", "\r\n") + "\r\n"),
        ("poems.jsonl.gz", AS_LINES),
        ("poems.ndjson.gz", AS_LINES),
    ],
)
def test_every_json_format_gives_the_same_documents(
    tmp_path: Path, name: str, content: object
) -> None:
    """The same records in any of the formats are the same documents, in order."""
    path = _write(tmp_path / name, content)

    documents = read_corpus(path, CorpusSettings())

    assert ["all/1", "all/2"] == [document.identity for document in documents]
    assert [path] == corpus_files(path)


@pytest.mark.parametrize(
    ("name", "content", "where", "what"),
    [
        ("p.csv", "", "{}/p.csv", "is in no format known here"),
        ("p.json", [], "{}/p.json", "holds no documents"),
        ("p.jsonl", "\n \n", "{}/p.jsonl", "holds no documents"),
        ("p.json", "[\n1,", "p.json", "is not JSON: Expecting value (line 2, column 3)"),
        ("p.json", "", "p.json", "is not JSON: Expecting value (column 1)"),
        ("p.json", {}, "p.json", 'has no "poems"'),
        ("p.json", {"poems": {}}, "p.json", "is a table where the list of poems should be"),
        ("p.json", "3", "p.json", "is a number where the list of poems should be"),
        ("p.json", "[" * 100_000, "p.json", "is JSON nested too deeply to read"),
        ("p.json", [1], "p.json record 1", "is a number, not a table"),
        ("p.jsonl", "[]", "p.jsonl line 1 (record 1)", "is a list, not a table"),
        (
            "p.jsonl",
            '\n{"id": 1',
            "p.jsonl line 2 (record 1)",
            "is not JSON: Expecting ',' delimiter (column 9)",
        ),
    ],
)
def test_a_corpus_that_is_none_is_refused(
    tmp_path: Path, name: str, content: object, where: str, what: str
) -> None:
    """Input that cannot be read is refused, with its location."""
    path = _write(tmp_path / name, content)

    assert [(where.format(tmp_path), what)] == _said(path)


def test_a_missing_corpus_is_refused(tmp_path: Path) -> None:
    """A path that does not exist is refused, and has no files."""
    path = tmp_path / "poems.json"

    assert [(str(path), "does not exist")] == _said(path)
    assert [] == corpus_files(path)


def test_a_number_of_too_many_digits_is_refused(tmp_path: Path) -> None:
    """A number that Python will not convert does not stop the reader."""
    path = _write(tmp_path / "p.jsonl", '{"id": ' + "9" * 5000 + "}")

    assert [("p.jsonl line 1 (record 1)", "holds a number of too many digits to read")] == _said(
        path
    )


def test_a_torn_gzip_file_is_refused(tmp_path: Path) -> None:
    """A truncated gzip file is refused, not read in part."""
    path = tmp_path / "p.jsonl.gz"
    path.write_bytes(gzip.compress(AS_LINES.encode())[:-12])

    (problem,) = _problems(path)

    assert problem.what.startswith("is not a whole gzip file")


def test_every_problem_of_the_corpus_comes_at_once(tmp_path: Path) -> None:
    """Problems of several records, a duplicate and a useless exclude are all reported."""
    records = [{"id": 1.5, "content": "x"}, *TWO, {"id": 1}, {"id": 2, "content": "again"}]
    path = _write(tmp_path / "p.json", records)

    assert [
        ("p.json record 1", "id is a decimal number, not text or a whole number"),
        ("p.json record 4 (all/1)", "content is missing"),
        ("p.json record 4", "all/1 is also the identity of p.json record 2"),
        ("p.json record 5", "all/2 is also the identity of p.json record 3"),
        ("ledger.toml corpus.exclude", "'law/9' matches no document"),
        ("ledger.toml corpus.exclude", "'' matches no document"),
    ] == _said(path, exclude=("law/9", ""))


def test_identities_that_differ_in_case_are_two(tmp_path: Path) -> None:
    """Identities are case-sensitive."""
    path = _write(tmp_path / "p.json", [{"id": "a", "content": "x"}, {"id": "A", "content": "x"}])

    assert 2 == len(read_corpus(path, CorpusSettings()))


def test_an_excluded_document_is_left_out_with_its_problems(tmp_path: Path) -> None:
    """The problems of an excluded document are ignored."""
    path = _write(tmp_path / "p.json", [*TWO, {"id": 3, "content": "x" * 99}])
    settings = CorpusSettings(exclude=("all/3",), max_document_bytes=9)

    assert ["1", "2"] == [document.id for document in read_corpus(path, settings)]


def test_excluding_everything_leaves_no_corpus(tmp_path: Path) -> None:
    """A corpus without documents is refused, whether empty or fully excluded."""
    path = _write(tmp_path / "p.json", TWO)

    assert [(str(path), "holds no documents")] == _said(path, exclude=("all/1", "all/2"))


def test_bytes_that_are_not_utf8_are_named_and_the_rest_is_checked(tmp_path: Path) -> None:
    """In JSON Lines a bad byte fails only its own record; the others are validated as usual."""
    path = _write(tmp_path / "p.jsonl", b'{"id":1,"content":"x"}\n{"id":2,"content":"\xe9"}\n{}')

    assert [
        ("p.jsonl line 2 (record 2)", "byte 42 of the file (0xe9) is not UTF-8"),
        ("p.jsonl line 3 (record 3)", "id is missing"),
        ("p.jsonl line 3 (record 3)", "content is missing"),
    ] == _said(path)


def test_every_bad_line_of_a_json_file_is_named(tmp_path: Path) -> None:
    """In JSON every line with a bad byte is named, and the other records are validated."""
    path = _write(tmp_path / "p.json", b'[{"id":1,"content":"\xe9"},\n{"content":"\xff"}]')

    assert [
        ("p.json line 1", "byte 20 of the file (0xe9) is not UTF-8"),
        ("p.json line 2", "byte 37 of the file (0xff) is not UTF-8"),
        ("p.json record 2", "id is missing"),
    ] == _said(path)


def test_importing_the_package_is_cheap() -> None:
    """Importing Document imports neither yaml nor the readers."""
    code = "import sys, ledger.corpus.document; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert not {"yaml", "gzip", "ledger.corpus.notes"} & set(done.stdout.split())


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("name", "count"), [("poems-en.json.gz", 7_797), ("poems-zh-tang.jsonl.gz", 57_607)]
)
def test_the_real_corpora_are_read_whole(name: str, count: int) -> None:
    """Every document of the real corpora is read."""
    if not (CORPORA / name).exists():
        pytest.skip(f"{name} does not lie beside the checkout")

    assert count == len(read_corpus(CORPORA / name, CorpusSettings()))
