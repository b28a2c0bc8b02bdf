"""How a run ended: its verdict in one line, its failures, its budgets, and how to continue."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from ledger.text import counted, duration, speed
from ledger.views.failures import failure_lines, read_failures
from ledger.views.spending import budget_report

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ledger.coordinator.spawn import Finished
    from ledger.store.store import Store
    from ledger.views.snapshot import Snapshot

SHOWN_FAILURES = 50


def failed(snapshot: Snapshot) -> str:
    """`2 failed, 1 parked`; "" where nothing failed."""
    parts = {"failed": snapshot.failed - snapshot.parked, "parked": snapshot.parked}
    return ", ".join(f"{number:,} {state}" for state, number in parts.items() if number)


# -- the last line of a view ----------------------------------------------------------------


def verdict(snapshot: Snapshot) -> str:
    """Say how a run ended, in one line."""
    parts = [_outcome(snapshot), _effort(snapshot)]
    if snapshot.deaths:
        parts.append(f"{counted(snapshot.deaths, 'worker')} died")
    return "; ".join(parts)


def _outcome(snapshot: Snapshot) -> str:
    done = f"{snapshot.done:,} of {counted(snapshot.total, 'job')} done"
    if snapshot.ending == "interrupted":
        return ", ".join(filter(None, [f"interrupted: {done}", failed(snapshot)]))
    if snapshot.failed:
        return f"{failed(snapshot)}: {done}"
    if snapshot.left:
        return f"unfinished: {done}"
    return f"all done: {counted(snapshot.total, 'job')}"


def _effort(snapshot: Snapshot) -> str:
    if not snapshot.settled:
        return "nothing built in this run"
    rate = speed(snapshot.settled / snapshot.elapsed) if snapshot.elapsed > 0 else "at once"
    which = f"{snapshot.settled:,} of them " if snapshot.before else ""
    return f"{which}in {duration(snapshot.elapsed)}, {rate}"


# -- the report at the end of `ledger spawn` ------------------------------------------------


def show_outcome(store: Store, finished: Finished, *, as_json: bool = False) -> None:
    """Print what failed in a run, and which budgets it used up."""
    failures = read_failures(store)
    if as_json:
        facts = {
            "exit": int(finished.code),
            "failures": [each.as_dict() for each in failures],
            "exhausted": [queue.name for queue in finished.exhausted],
        }
        click.echo(json.dumps(facts))
        return
    lines = [
        *failure_lines(failures, SHOWN_FAILURES),
        *remedies(sum(not each.parked for each in failures), sum(each.parked for each in failures)),
        *("\n" + budget_report(store, queue) for queue in finished.exhausted),
    ]
    for line in lines:
        click.echo(line, err=True)


def remedies(failed_jobs: int, parked_jobs: int) -> list[str]:
    """The commands that continue after jobs failed or were parked."""
    lines = []
    if failed_jobs:
        what = f"{counted(failed_jobs, 'job')} failed; after the fix"
        lines.append(f"\n{what}: ledger retry --failed && ledger spawn")
    if parked_jobs:
        what = f"{counted(parked_jobs, 'job')} parked, of which the effect may have happened"
        lines.append(
            f"\n{what}; to run again: ledger retry --uncertain && ledger spawn"
            "; to drop: ledger cancel --uncertain"
        )
    return lines


def show_preview(would_build: Mapping[str, int], limit: int | None, *, as_json: bool) -> None:
    """Print what `ledger spawn --dry-run` found, by kind or queue."""
    if as_json:
        return click.echo(json.dumps({"would_build": would_build, "limit": limit}))
    for name, jobs in would_build.items():
        click.echo(f"{name:16} {jobs:>9,} {'job' if jobs == 1 else 'jobs'} would be built")
    return None
