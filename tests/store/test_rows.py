"""Rows leave the store as the named tuples that the column lists of queries.sql make."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ledger.store import connection as db
from ledger.store import plan_rows, rows

if TYPE_CHECKING:
    from conftest import Ledger

SOURCES = "".join(path.read_text("utf-8") for path in sorted(Path(db.__file__).parent.glob("*.py")))
SHAPES = {
    name: getattr(module, name)
    for module in (rows, plan_rows)
    for name in re.findall(
        r"^class (\w+)\(NamedTuple\)", Path(module.__file__).read_text("utf-8"), re.MULTILINE
    )
}
READS = sorted(set(re.findall(r"\b(?:read|stream)\(\s*(\w+), \"(\w+)\"", SOURCES)))


def _columns(ledger: Ledger, statement: str) -> list[str]:
    text = db.queries()[statement]
    values = dict.fromkeys(re.findall(r":(\w+)", text), 0)
    cursor = ledger.store.connection.execute(text, values)
    return [column[0] for column in cursor.description]


@pytest.mark.parametrize(("shape", "statement"), READS)
def test_a_shape_has_the_columns_of_its_statement(
    ledger: Ledger, shape: str, statement: str
) -> None:
    """By name and in order, since the tuples are made by position."""
    fields = [name.rstrip("_") for name in SHAPES[shape]._fields]

    assert fields == _columns(ledger, statement)


def test_an_open_queue_is_a_queue_and_what_precedes_it(ledger: Ledger) -> None:
    """The columns of `open_queues` are those of a queue and then those of its row."""
    expected = [*rows.QueueRow._fields, *rows.OpenQueueRow._fields[1:]]

    assert expected == _columns(ledger, "open_queues")


def test_every_shape_is_read() -> None:
    """No shape is left that no statement makes."""
    assert set(SHAPES) == {shape for shape, _ in READS} | {"OpenQueueRow"}
