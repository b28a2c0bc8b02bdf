"""`ledger status`: where the jobs stand and why some failed; reads only."""

from __future__ import annotations

import json
import signal
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import click

from ledger.coordinator.recovery import coordinator_lives
from ledger.process import clock, worker_state
from ledger.process.wakeup import Wakeup
from ledger.queues.spending import queue_lines, queue_status
from ledger.store.claims import Store
from ledger.store.connection import journal_mode, sqlite_version
from ledger.text import counted, duration

if TYPE_CHECKING:
    from ledger.errors import Failure
    from ledger.project.load import Project
    from ledger.store.claims import KindCount

SHOWN_FAILURES = 10
WATCH_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Status:
    """The ledger at one moment."""

    counts: tuple[KindCount, ...]
    failures: tuple[Failure, ...]
    run: dict[str, Any] | None
    queues: tuple[dict[str, Any], ...]
    uncertain: tuple[dict[str, Any], ...]
    in_flight: tuple[tuple[int, str, float], ...]
    going_on: bool

    def total(self, state: str) -> int:
        """How many jobs are in a state, over all kinds."""
        return sum(getattr(count, state) for count in self.counts)

    @property
    def rate(self) -> float | None:
        """Jobs a second of the run that is going on, since it began."""
        if self.run is None or not self.going_on:
            return None
        seconds = clock.wall() - self.run["started_at"]
        settled = self.total("done") + self.total("failed") - self.run["settled_before"]
        return max(0, settled) / seconds if seconds > 0 else None

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        states = ("pending", "deselected", "running", "done", "failed")
        return {
            **{state: self.total(state) for state in states},
            "rate": self.rate,
            "going_on": self.going_on,
            "run": self.run,
            "kinds": [asdict(count) for count in self.counts],
            "in_flight": [
                {"worker": worker, "job": job, "seconds": round(seconds, 3)}
                for worker, job, seconds in self.in_flight
            ],
            "queues": list(self.queues),
            "uncertain": list(self.uncertain),
            "failures": [failure.as_dict() for failure in self.failures],
            "sqlite": {"version": sqlite_version(), "journal": journal_mode()},
        }


def read_status(project: Project) -> Status:
    """Read the ledger once; the connection is closed again, so that it never holds up a checkpoint."""
    with Store(project.ledger_path, read_only=True) as store:
        counts, failures, run = store.counts(), store.failures(), store.last_run()
        queues = tuple(queue_status(store, row) for row in store.rows("queues"))
        uncertain = tuple(dict(row) for row in store.rows("uncertain_jobs")) if queues else ()
        workers = [(row["id"], row["number"]) for row in store.open_workers()]
    going_on = coordinator_lives(project) and run is not None and run["ended_at"] is None
    return Status(
        counts=tuple(counts),
        failures=tuple(failures),
        run=dict(run) if run is not None else None,
        queues=queues,
        uncertain=uncertain,
        in_flight=_in_flight(project, workers) if going_on else (),
        going_on=going_on,
    )


def _in_flight(
    project: Project, workers: list[tuple[int, int]]
) -> tuple[tuple[int, str, float], ...]:
    folder = project.state / "workers"
    hands = [(number, worker_state.in_flight(folder, worker)) for worker, number in workers]
    return tuple(
        (number, hand.name, clock.now() - hand.since) for number, hand in hands if hand and hand.job
    )


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
    status = read_status(project)
    lines = [json.dumps(status.as_dict(), ensure_ascii=False)] if as_json else _lines(status)
    click.echo("\n".join(lines))


def _lines(status: Status) -> list[str]:
    lines = [f"{'kind':16}{'done':>10}{'running':>10}{'pending':>10}{'held':>8}{'failed':>8}"]
    lines += [
        f"{count.name:16}{count.done:>10,}{count.running:>10,}{count.pending:>10,}"
        f"{count.deselected:>8,}{count.failed:>8,}"
        for count in status.counts
    ]
    lines += ["", _summary(status)]
    lines += [line for queue in status.queues for line in queue_lines(queue)]
    lines += _uncertain(status)
    if status.going_on and status.run and status.run["throttled"]:
        lines.append(f"nothing new begins: {status.run['throttled']}")
    lines += [
        f"  worker {worker:>3}  {job}  {seconds:.1f} s" for worker, job, seconds in status.in_flight
    ]
    if journal_mode() != "wal":
        lines.append(
            f"note: SQLite {sqlite_version()} can lose commits in WAL mode, so the ledger uses "
            "the slower rollback journal; `pip install pysqlite3` brings a current one"
        )
    for failure in status.failures[:SHOWN_FAILURES]:
        lines += ["", click.style(str(failure), fg="red")]
    if len(status.failures) > SHOWN_FAILURES:
        more = len(status.failures) - SHOWN_FAILURES
        lines += ["", f"… and {more:,} more: ledger status --json"]
    return lines


def _uncertain(status: Status) -> list[str]:
    """Which jobs may have had their effect more often than it is noted, and what to do."""
    lines = [
        f"uncertain: {job['queue']}/{job['key'].partition('/')[2]} {_fate(job)}"
        for job in status.uncertain[:SHOWN_FAILURES]
    ]
    more = len(status.uncertain) - SHOWN_FAILURES
    return lines if more <= 0 else [*lines, f"… and {more:,} more: ledger status --json"]


def _fate(job: dict[str, Any]) -> str:
    if job["open"]:
        return "may have had its effect: ledger retry --uncertain, or ledger cancel --uncertain"
    return (
        f"is {job['state']}, and may have had its effect {counted(job['uncertain'], 'time')} more"
    )


def _summary(status: Status) -> str:
    total = sum(count.total + count.deselected for count in status.counts)
    parts = [f"{status.total('done'):,} of {total:,} done"]
    if status.total("failed"):
        parts.append(f"{status.total('failed'):,} failed")
    rate = status.rate
    if rate:
        left = status.total("pending") + status.total("running")
        parts.append(f"{rate:,.1f} jobs/s")
        parts.append(f"about {duration(left / rate)} left")
    elif status.run and not status.going_on:
        outcome = status.run["outcome"] or "killed: `ledger spawn` goes on from here"
        parts.append(f"last run: {outcome}")
    return "  ".join(parts)
