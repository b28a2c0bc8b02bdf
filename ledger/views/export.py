"""`ledger export`: what the jobs of queues came to, a record a job, as JSON lines or CSV."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
import tempfile
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ledger.queues.amounts import UNITS
from ledger.queues.placeholders import as_text
from ledger.store.claims import Store
from ledger.store.queues import chosen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ledger.project.load import Project
    from ledger.queues.inputs import Item
    from ledger.store.connection import Row

PAGE = 500
LAST_TRY = ("status", "stdout", "stderr")
"""What is told of the last try, where its kind notes it."""

BEFORE = ("queue", "key", "state")
AFTER = (
    "output", "attempts", "uncertain", "seconds", "tokens_in", "tokens_out", "money",
    "settled_at", *LAST_TRY,
)  # fmt: skip
"""The columns of CSV that are always there; between them are those of inputs and results."""


def export(project: Project, names: tuple[str, ...], *, form: str, everything: bool) -> None:
    """Print a record for each done job of these queues (all, if none is named), in their order.

    Seconds, tokens and money are those of all tries at a job.

    Args:
        project: whose ledger is read.
        names: of queues.
        form: `jsonl` or `csv`.
        everything: also jobs that are not done.

    Raises:
        LedgerError: there is no such queue.
    """
    with Store(project.ledger_path, read_only=True) as store:
        phases = [queue["phase"] for queue in chosen(store, names)]
    records = _records(project, phases, everything=everything)
    _print(_csv_lines(records) if form == "csv" else map(_json_line, records))


def _records(project: Project, phases: list[int], *, everything: bool) -> Iterator[Item]:
    """The ledger is opened for a page at a time: a slow reader of ours holds up no worker."""
    after = 0
    which = {"phases": json.dumps(phases), "everything": everything, "limit": PAGE}
    while True:
        with Store(project.ledger_path, read_only=True) as store:
            rows = store.rows("export_page", after=after, **which)
        if not rows:
            return
        yield from map(_record, rows)
        after = rows[-1]["id"]


def _record(row: Row) -> Item:
    facts = json.loads(row["facts"])
    return {
        "queue": row["queue"],
        "key": row["key"],
        "state": row["state"],
        "input": json.loads(row["payload"]),
        "result": None if row["result"] is None else json.loads(row["result"]),
        "output": row["output"],
        "attempts": row["attempts"],
        "uncertain": row["uncertain"],
        "seconds": round(row["seconds"], 6),
        "tokens_in": row["tokens_in"],
        "tokens_out": row["tokens_out"],
        "money": row["money"] / UNITS,
        "settled_at": None if row["settled_at"] is None else _iso(row["settled_at"]),
        **{name: facts[name] for name in LAST_TRY if name in facts},
    }


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def _print(lines: Iterable[str]) -> None:
    """Half a surrogate, which a file name may hold, is spelt out: in JSON that is its escape."""
    out = sys.stdout.buffer
    try:
        for line in lines:
            out.write(line.encode("utf-8", "backslashreplace"))
        out.flush()
    except BrokenPipeError:  # `| head` has seen enough
        # what is buffered would be written again, and complained about, when Python ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())


def _json_line(record: Item) -> str:
    return json.dumps(record, ensure_ascii=False) + "\n"


# -- CSV ------------------------------------------------------------------------------------


def _csv_lines(records: Iterable[Item]) -> Iterator[str]:
    """All records go through a file first: only then it is known which columns there are."""
    with tempfile.TemporaryFile("w+", encoding="ascii") as spool:
        seen: dict[str, None] = {}
        for record in records:
            row = _flat(record)
            seen.update(dict.fromkeys(row))
            spool.write(json.dumps(row) + "\n")
        spool.seek(0)
        columns = _in_order(seen)
        yield _csv_line(columns)
        for line in spool:
            row = json.loads(line)
            yield _csv_line([row.get(name, "") for name in columns])


def _flat(record: Item) -> dict[str, str]:
    """One text a column."""
    inputs, result = record.pop("input"), record.pop("result")
    money = Decimal(str(record.pop("money")))
    row = {name: _cell(value) for name, value in record.items()} | {"money": f"{money:f}"}
    row |= {f"input.{name}": _cell(value) for name, value in inputs.items()}
    if isinstance(result, dict) and not any(isinstance(v, dict | list) for v in result.values()):
        return row | {f"result.{name}": _cell(value) for name, value in result.items()}
    return row if result is None else row | {"result": json.dumps(result, ensure_ascii=False)}


def _cell(value: Any) -> str:
    return "" if value is None else as_text(value)


def _in_order(seen: Iterable[str]) -> list[str]:
    names = list(seen)
    inputs = [name for name in names if name.startswith("input.")]
    results = [name for name in names if name == "result" or name.startswith("result.")]
    return [*BEFORE, *inputs, *results, *AFTER]


def _csv_line(cells: Iterable[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()
