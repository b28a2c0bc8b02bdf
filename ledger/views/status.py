"""`ledger status`: the jobs by state, the rate and time left, and why some failed; reads only."""

from __future__ import annotations

import json
import signal
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import click

from ledger.process.wakeup import Wakeup
from ledger.store.connection import journal_mode, sqlite_version
from ledger.store.store import Store
from ledger.text import speed
from ledger.views.attach import read_snapshot
from ledger.views.failures import (
    FailedJob,
    failure_lines,
    read_failures,
    read_uncertain,
    uncertain_lines,
)
from ledger.views.outcome import failed
from ledger.views.spending import queue_as_dict, queue_lines, read_rate_changes

if TYPE_CHECKING:
    from ledger.project.load import Project
    from ledger.store.rows import RateChange, UncertainRow
    from ledger.views.snapshot import Snapshot

SHOWN_FAILURES = 10
WATCH_SECONDS = 1.0
STATES = ("pending", "deselected", "running", "done", "failed")


@dataclass(frozen=True, slots=True)
class Details:
    """What `status` shows beside a snapshot; `rate_changes` are those of each queue."""

    failures: tuple[FailedJob, ...]
    uncertain: tuple[UncertainRow, ...]
    rate_changes: tuple[tuple[RateChange, ...], ...]


def show_status(project: Project, *, watch: bool, as_json: bool) -> None:
    """Print the status, once or until Ctrl+C."""
    if not watch:
        return _show(project, as_json=as_json)
    # a handler, since a KeyboardInterrupt that comes at a bad moment is lost within the driver
    wakeup = Wakeup()
    signal.signal(signal.SIGINT, lambda *_: wakeup.notify())
    while True:
        if not as_json:
            click.clear()
        _show(project, as_json=as_json)
        if wakeup.wait(WATCH_SECONDS):
            return None


def _show(project: Project, *, as_json: bool) -> None:
    snapshot, details = _read(project)
    lines = _lines(snapshot, details)
    if as_json:
        lines = [json.dumps(_as_dict(snapshot, details), ensure_ascii=False)]
    click.echo("\n".join(lines))


def _read(project: Project) -> tuple[Snapshot, Details]:
    """Read the ledger once; it is closed again, so that it never holds up a checkpoint."""
    with Store(project.ledger_path, read_only=True) as store:
        snapshot = read_snapshot(project, store)
        return snapshot, Details(
            failures=read_failures(store) if snapshot.failed else (),
            uncertain=read_uncertain(store) if snapshot.queues else (),
            rate_changes=tuple(read_rate_changes(store, queue) for queue in snapshot.queues),
        )


def _as_dict(snapshot: Snapshot, details: Details) -> dict[str, Any]:
    """For `--json`."""
    forecast = snapshot.forecast
    return {
        **{state: snapshot.count(state) for state in STATES},
        "parked": snapshot.parked,
        "rate": snapshot.rate,
        "remaining": None if forecast is None else forecast.seconds,
        "unmeasured": [] if forecast is None else list(forecast.unmeasured),
        "going_on": snapshot.going_on,
        "run": None if snapshot.run is None else snapshot.run._asdict(),
        "kinds": [asdict(count) for count in snapshot.counts],
        "in_flight": [
            {"worker": worker.worker, "job": worker.job, "seconds": round(worker.seconds, 3)}
            for worker in snapshot.workers
            if worker.job
        ],
        "queues": [
            queue_as_dict(queue, changes)
            for queue, changes in zip(snapshot.queues, details.rate_changes, strict=True)
        ],
        "uncertain": [job._asdict() for job in details.uncertain],
        "failures": [failure.as_dict() for failure in details.failures],
        "sqlite": {"version": sqlite_version(), "journal": journal_mode()},
    }


# -- for people -----------------------------------------------------------------------------


def _lines(snapshot: Snapshot, details: Details) -> list[str]:
    lines = [*_table(snapshot), "", _summary(snapshot)]
    for queue, changes in zip(snapshot.queues, details.rate_changes, strict=True):
        lines += queue_lines(queue, changes)
    lines += uncertain_lines(details.uncertain, SHOWN_FAILURES)
    if snapshot.waits_for:
        lines.append(f"nothing new begins: {snapshot.waits_for}")
    lines += [
        f"  worker {worker.worker:>3}  {worker.job}  {worker.seconds:.1f} s"
        for worker in snapshot.workers
        if worker.job
    ]
    if journal_mode() != "wal":
        lines.append(
            f"note: SQLite {sqlite_version()} can lose commits in WAL mode, so the ledger uses "
            "the slower rollback journal; `pip install pysqlite3` brings a current one"
        )
    return [*lines, *failure_lines(details.failures, SHOWN_FAILURES)]


def _table(snapshot: Snapshot) -> list[str]:
    head = f"{'kind':16}{'done':>10}{'running':>10}{'pending':>10}{'deselected':>12}{'failed':>8}"
    return [
        head,
        *(
            f"{count.name:16}{count.done:>10,}{count.running:>10,}{count.pending:>10,}"
            f"{count.deselected:>12,}{count.failed:>8,}"
            for count in snapshot.counts
        ),
    ]


def _summary(snapshot: Snapshot) -> str:
    total = snapshot.total + snapshot.count("deselected")
    parts = [f"{snapshot.done:,} of {total:,} done"]
    if snapshot.failed:
        parts.append(failed(snapshot))
    if snapshot.rate is not None:
        parts.append(speed(snapshot.rate))
    if snapshot.forecast and not snapshot.ending:
        parts.append(str(snapshot.forecast))
    elif snapshot.run and not snapshot.going_on:
        outcome = snapshot.run.outcome or "killed: `ledger spawn` continues from here"
        parts.append(f"last run: {outcome}")
    return "  ".join(parts)
