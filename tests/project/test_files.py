"""Files: who owns a path, and writing one whole."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from ledger.errors import LedgerError
from ledger.files import Conflict, find_conflicts, path_key, write_whole
from ledger.project.load import load_project
from ledger.project.new import create, queues_project

CAFE = unicodedata.normalize("NFC", "café.html")
DECOMPOSED = unicodedata.normalize("NFD", "café.html")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a/X.html", "a/x.html"),
        (CAFE, DECOMPOSED),
        (CAFE.upper(), DECOMPOSED),
        ("straße", "STRASSE"),
        ("\u1fb3", "\u03b1\u0345"),  # folding the case takes the iota out of its letter
    ],
)
def test_paths_of_one_file_have_one_key(one: str, other: str) -> None:
    """On a file system that ignores case, composition, or both."""
    assert path_key(one) == path_key(other)


def test_other_paths_have_other_keys() -> None:
    """An accent is not dropped."""
    assert path_key("cafe.html") != path_key(CAFE)


def test_conflicts_name_both() -> None:
    """The first claimant owns a path; claiming it twice is no conflict."""
    claims = [(CAFE, "a"), ("x", "a"), (DECOMPOSED, "b"), ("X", "a")]

    assert [*find_conflicts(claims)] == [Conflict(DECOMPOSED, "a", "b")]


def test_what_is_taken_conflicts_with_claims() -> None:
    """Unless the owner is the same."""
    assert [*find_conflicts([("x", "a"), ("y", "b")], [("X", "z"), ("Y", "b")])] == [
        Conflict("x", "z", "a")
    ]


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    """A folder has its name: no temporary file stays, and the remedy is told."""
    (tmp_path / "taken").mkdir()

    with pytest.raises(LedgerError, match="cannot be written") as caught:
        write_whole(tmp_path / "taken", "text", remedy="move the folder away")

    assert caught.value.remedy == "move the folder away"
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_settings_are_written_last(tmp_path: Path) -> None:
    """A folder without ledger.toml is no project yet, whatever else was written."""
    (tmp_path / "ledger.toml").mkdir()

    with pytest.raises(LedgerError):
        create(tmp_path, {"ledger.toml": "x", "poems.json": "[]"})

    assert (tmp_path / "poems.json").exists()


def test_a_project_for_queues_needs_nothing_else(tmp_path: Path) -> None:
    """Its settings are all of it."""
    create(tmp_path, queues_project(tmp_path))

    assert load_project(tmp_path).settings.site.kind == "bulk"
