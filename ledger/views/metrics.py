"""`ledger metrics`: the ledger in numbers, as OpenMetrics text.

node_exporter's textfile collector reads the older Prometheus format. The text is valid in both:
it has gauges and counters only (the collector refuses a file with a type that it does not know,
such as `info`), and no help text has a quotation mark (which the two escape differently).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import click

from ledger.files import write_whole
from ledger.process import worker_state
from ledger.queues.amounts import UNITS
from ledger.store.store import Store
from ledger.views.attach import read_snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ledger.project.load import Project
    from ledger.store.rows import OutcomeRow
    from ledger.views.snapshot import QueueState, Snapshot

Sort = Literal["gauge", "counter"]

STATES = ("pending", "deselected", "running", "done", "failed")

OF_A_QUEUE: tuple[tuple[str, Sort, str, Callable[[QueueState], float | None]], ...] = (
    (
        "money_spent", "counter", "Money spent, in the currency of the prices.",
        lambda queue: queue.money_spent / UNITS,
    ),
    (
        "budget_money", "gauge", "The most money to spend.",
        lambda queue: None if (most := queue.money_ceiling) is None else most / UNITS,
    ),
    (
        "budget_tokens", "gauge", "The most tokens to use.",
        lambda queue: queue.tokens_ceiling,
    ),
    (
        "budget_exhausted", "gauge", "Whether the budget allows no more jobs.",
        lambda queue: int(queue.exhausted),
    ),
    (
        "rate_limit_per_second", "gauge", "Starts in a second at full pace.",
        lambda queue: queue.rate,
    ),
    (
        "rate_pace_ratio", "gauge", "Of the rate limit, what is used of it at present.",
        lambda queue: None if queue.rate is None else queue.rate_factor,
    ),
    (
        "queue_paused", "gauge", "Whether the queue is paused.",
        lambda queue: int(queue.paused),
    ),
)  # fmt: skip
"""Name, type, meaning, and the number of a queue; None: there is none."""


class Sample(NamedTuple):
    """A number, and the labels that identify it within its family."""

    value: float
    labels: dict[str, str]


class Family(NamedTuple):
    """Samples of one metric. A counter's samples are called `NAME_total`."""

    name: str
    sort: Sort
    help: str
    samples: list[Sample]

    def lines(self) -> Iterator[str]:
        """Its lines of OpenMetrics text."""
        suffix = "_total" if self.sort == "counter" else ""
        yield f"# HELP ledger_{self.name} {self.help}"
        yield f"# TYPE ledger_{self.name} {self.sort}"
        for value, labels in self.samples:
            pairs = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
            yield f"ledger_{self.name}{suffix}{f'{{{pairs}}}' if pairs else ''} {value}"


def write_metrics(project: Project, output: Path | None) -> None:
    """Print the metrics, or write them to a file, whole or not at all."""
    text = metrics_text(project)
    if output is None:
        click.echo(text, nl=False)
    else:
        write_whole(output, text)


def metrics_text(project: Project) -> str:
    """The metrics of a project's ledger; families without a number are left out."""
    with Store(project.ledger_path, read_only=True) as store:
        snapshot = read_snapshot(project, store)
        families = [
            *_of_jobs(snapshot), *_of_attempts(store, snapshot), *_of_limits(snapshot),
            *_of_runs(project, store, snapshot),
        ]  # fmt: skip
    lines = [line for family in families if family.samples for line in family.lines()]
    return "\n".join([*lines, "# EOF", ""])


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _alone(value: float) -> list[Sample]:
    return [Sample(value, {})]


def _of_jobs(snapshot: Snapshot) -> Iterable[Family]:
    jobs = [
        Sample(getattr(count, state), {"queue": count.queue, "kind": count.kind, "state": state})
        for count in snapshot.counts
        for state in STATES
    ]
    uncertain = [Sample(queue.uncertain, {"queue": queue.name}) for queue in snapshot.queues]
    yield Family("jobs", "gauge", "Jobs by queue (empty for pages), kind and state.", jobs)
    yield Family(
        "uncertain_jobs", "gauge", "Jobs that may have had their effect unnoticed.", uncertain
    )


def _of_attempts(store: Store, snapshot: Snapshot) -> Iterable[Family]:
    names = {queue.phase: queue.name for queue in snapshot.queues}
    rows = store.reports.attempts_by_outcome()

    def by_outcome(number: Callable[[OutcomeRow], float]) -> list[Sample]:
        return [
            Sample(number(row), {"queue": names[row.phase], "outcome": row.outcome}) for row in rows
        ]

    tokens: Counter[tuple[str, str]] = Counter()
    for row in rows:
        queue = names[row.phase]
        tokens.update({(queue, "in"): row.tokens_in, (queue, "out"): row.tokens_out})
    yield Family(
        "attempts",
        "counter",
        "Tries at jobs of queues by outcome.",
        by_outcome(lambda row: row.tries),
    )
    yield Family(
        "attempt_seconds",
        "counter",
        "Seconds that tries at jobs took.",
        by_outcome(lambda row: row.seconds),
    )
    yield Family(
        "tokens", "counter", "Tokens that tries at jobs took, in and out.",
        [Sample(n, {"queue": queue, "direction": way}) for (queue, way), n in tokens.items()],
    )  # fmt: skip


def _of_limits(snapshot: Snapshot) -> Iterable[Family]:
    for name, sort, meaning, value in OF_A_QUEUE:
        values = ((queue.name, value(queue)) for queue in snapshot.queues)
        samples = [Sample(number, {"queue": name}) for name, number in values if number is not None]
        yield Family(name, sort, meaning, samples)


def _of_runs(project: Project, store: Store, snapshot: Snapshot) -> Iterable[Family]:
    folder, run = project.state / "workers", snapshot.run
    alive = sum(worker_state.is_alive(folder, row.id) for row in store.runs.open_workers())
    started = [] if run is None else _alone(run.started_at)
    ended = [] if run is None or run.ended_at is None else _alone(run.ended_at)
    yield Family(
        "leases", "gauge", "Leases under which jobs are held.", _alone(store.live_leases())
    )
    yield Family("workers_alive", "gauge", "Worker processes that live.", _alone(alive))
    yield Family(
        "coordinator_alive", "gauge", "Whether a process is planning or building.",
        _alone(int(snapshot.coordinated)),
    )  # fmt: skip
    yield Family("last_run_start_timestamp_seconds", "gauge", "When the last run began.", started)
    yield Family(
        "last_run_end_timestamp_seconds",
        "gauge",
        "When it ended; absent while it is in progress.",
        ended,
    )
