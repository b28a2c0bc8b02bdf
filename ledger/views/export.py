"""`ledger export`: the results of queue jobs, one record a job, as JSON lines or CSV."""

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
from ledger.store.queues import chosen_queues
from ledger.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ledger.project.load import Project
    from ledger.queues.inputs import Item
    from ledger.store.rows import ExportRow

PAGE = 500
LAST_ATTEMPT = ("status", "stdout", "stderr")
"""Facts of the last attempt that are exported where its kind records them."""

BEFORE = ("queue", "key", "state")
AFTER = (
    "output", "attempts", "uncertain", "seconds", "tokens_in", "tokens_out", "money",
    "settled_at", *LAST_ATTEMPT,
)  # fmt: skip
"""The fixed columns of CSV; those of inputs and results stand between them."""


def export(project: Project, names: tuple[str, ...], *, form: str, everything: bool) -> None:
    """Print a record for each done job of these queues (all, if none is named), in their order.

    Seconds, tokens and money are summed over all attempts at a job.

    Args:
        project: the project whose ledger is read.
        names: names of queues.
        form: `jsonl` or `csv`.
        everything: include jobs that are not done.

    Raises:
        LedgerError: there is no such queue.
    """
    with Store(project.ledger_path, read_only=True) as store:
        phases = [queue.phase for queue in chosen_queues(store, names)]
    records = _records(project, phases, everything=everything)
    _print(_csv_lines(records) if form == "csv" else map(_json_line, records))


def _records(project: Project, phases: list[int], *, everything: bool) -> Iterator[Item]:
    """Open the ledger for one page at a time, so that a slow reader delays no worker."""
    after = 0
    while True:
        with Store(project.ledger_path, read_only=True) as store:
            rows = store.reports.export_page(phases, after=after, limit=PAGE, everything=everything)
        if not rows:
            return
        yield from map(_record, rows)
        after = rows[-1].id


def _record(row: ExportRow) -> Item:
    facts = json.loads(row.facts)
    return {
        "queue": row.queue,
        "key": row.key,
        "state": row.state,
        "input": json.loads(row.payload),
        "result": None if row.result is None else json.loads(row.result),
        "output": row.output,
        "attempts": row.attempts,
        "uncertain": row.uncertain,
        "seconds": round(row.seconds, 6),
        "tokens_in": row.tokens_in,
        "tokens_out": row.tokens_out,
        "money": row.money / UNITS,
        "settled_at": None if row.settled_at is None else _iso(row.settled_at),
        **{name: facts[name] for name in LAST_ATTEMPT if name in facts},
    }


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def _print(lines: Iterable[str]) -> None:
    """Write lines; a lone surrogate (from a file name) is escaped, which JSON reads back."""
    out = sys.stdout.buffer
    try:
        for line in lines:
            out.write(line.encode("utf-8", "backslashreplace"))
        out.flush()
    except BrokenPipeError:  # `| head` has seen enough
        # Python would write the buffer again at exit, and report the broken pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())


def _json_line(record: Item) -> str:
    return json.dumps(record, ensure_ascii=False) + "\n"


# -- CSV ------------------------------------------------------------------------------------


def _csv_lines(records: Iterable[Item]) -> Iterator[str]:
    """Spool all records in a file first: the columns are known only after the last."""
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
    """Return one text for each column."""
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
