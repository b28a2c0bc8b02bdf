"""docs/reliability.md names tests; they are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

HOME = Path(__file__).resolve().parents[2]
PAGE = (HOME / "docs" / "reliability.md").read_text("utf-8")
NAMED = re.compile(r"`(tests/[\w/]+\.py)?(?:::(\w+))?`")


def named() -> list[tuple[str, str]]:
    """Every file and test on the page; `::name` is of the file before it."""
    found, file = [], ""
    for path, test in NAMED.findall(PAGE):
        file = path or file
        found.append((file, test))
    return [pair for pair in found if pair != ("", "")]


@pytest.mark.parametrize(("file", "test"), sorted(set(named())))
def test_every_test_named_is_there(file, test):
    """In the file that the page says."""
    assert re.search(rf"def {test}\b" if test else "", (HOME / file).read_text("utf-8"))


def test_every_class_has_its_line():
    """All 29 of them."""
    assert [int(n) for n in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)] == [*range(1, 30)]
