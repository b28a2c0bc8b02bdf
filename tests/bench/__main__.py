"""`bin/bench`: measure, judge, print, write JSON."""

from __future__ import annotations

import json
import shutil
import signal
import sys
import tempfile
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path

import click

from bench.machine import load, machine, versions
from bench.report import GB, Line, Row, judge, show
from bench.rows import ROWS
from bench.setting import ENGLISH, QUICK, TANG, Bench, Sizes

RESERVE = 1 * GB


@click.command()
@click.argument("rows", nargs=-1, type=click.IntRange(1, len(ROWS)))
@click.option("--quick", is_flag=True, help="Small sizes, about two minutes; judges nothing.")
@click.option("--json", "target", type=click.Path(path_type=Path), help="Write the figures there.")
@click.option("--work", type=click.Path(path_type=Path), help="Work below this folder.")
def main(rows: tuple[int, ...], *, quick: bool, target: Path | None, work: Path | None) -> None:
    """Measure the ROWS of the table, or all; exits with 1 if one crashes, or misses its target."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the work folder goes too
    if work:
        work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="ledger-bench-", dir=work) as folder:
        bench = Bench(Path(folder).resolve(), quick, QUICK if quick else Sizes())
        facts = {"date": datetime.now(UTC).isoformat(timespec="seconds"), "quick": quick,
                 "machine": machine(bench.work), "versions": versions()}  # fmt: skip
        _say_facts(facts)
        lines = []
        for row in ROWS:
            if not rows or row.number in rows:
                lines.append(_measure(row, bench))
                click.echo(f"row {row.number}: {lines[-1].brief}", err=True)
    show(lines)
    if target:
        record = {**facts, "rows": [line.as_dict() for line in lines]}
        target.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", "utf-8")
    sys.exit(any(line.verdict.startswith(("crashed", "missed")) for line in lines))


def _say_facts(facts: dict[str, object]) -> None:
    for name, value in facts.items():
        click.echo(f"{name}: {json.dumps(value)}")
    if not ENGLISH.is_file():
        click.echo(f"note: no {ENGLISH}: the starter corpus stands in for it, again and again")


def _measure(row: Row, bench: Bench) -> Line:
    """One row, whatever comes of it."""
    line = Line(row, None, _obstacle(row, bench), load=load())
    if line.verdict:
        return line
    started = time.perf_counter()
    try:
        line.outcome = row.measure(bench)
        line.verdict = judge(line.outcome, judged=not bench.quick)
    except Exception as error:  # noqa: BLE001  a row that fails is a line of the table
        traceback.print_exc()
        line.verdict = f"crashed: {type(error).__name__}: {error}".splitlines()[0]
    line.seconds = time.perf_counter() - started
    return line


def _obstacle(row: Row, bench: Bench) -> str:
    """Return why a row cannot be measured here, or ""."""
    if bench.quick and not row.quick:
        return "skipped: not in --quick"
    if row.number == 13 and not TANG.is_file():
        return f"skipped: no {TANG}"
    needed, free = row.disk(bench) + RESERVE, shutil.disk_usage(bench.work).free
    if free < needed:
        return f"skipped: needs {needed / GB:.1f} GB of disk, {free / GB:.1f} are free"
    return ""


if __name__ == "__main__":
    main()
