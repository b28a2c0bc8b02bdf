"""What reports, metrics, exports and the coordinator read: counts, failures, outputs, attempts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ledger.errors import Failure
from ledger.jobs import FIRST_QUEUE
from ledger.process import clock
from ledger.store.rows import (
    AttemptRow,
    BuiltFile,
    CountRow,
    DigestRow,
    DurationRow,
    ExportRow,
    FailureRow,
    OutcomeRow,
    OutputRow,
    RateChange,
    RunningRow,
    RunsSummary,
    SettledRow,
    SettledSpan,
    UncertainCount,
    UncertainRow,
    WaitingRow,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ledger.store.connection import Database


@dataclass(frozen=True, slots=True)
class KindCount:
    """How many jobs of a kind are in which state. `pending` leaves out the running ones."""

    phase: int
    kind: str
    pending: int = 0
    deselected: int = 0
    running: int = 0
    done: int = 0
    failed: int = 0
    queue: str = ""

    @property
    def name(self) -> str:
        """The name in reports: the queue, or for a site's pages the kind."""
        return self.queue or self.kind

    @property
    def stage(self) -> int:
        """Its phase; queues run side by side, so they are one stage, after the site's."""
        return min(self.phase, FIRST_QUEUE)

    @property
    def total(self) -> int:
        """All jobs of this kind that the run is about."""
        return self.pending + self.running + self.done + self.failed


class Reports:
    """Reads of a ledger that no claim depends on."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def counts(self) -> list[KindCount]:
        """How many jobs are in which state, by phase and kind."""
        running = {
            (row.phase, row.kind): row.n for row in self.database.read(RunningRow, "running_counts")
        }
        table: dict[tuple[int, str, str], dict[str, int]] = {}
        for row in self.database.read(CountRow, "counts"):
            table.setdefault((row.phase, row.kind, row.queue), {})[row.class_] = row.n
        return [
            KindCount(
                phase=phase,
                kind=kind,
                pending=max(0, classes.get("open", 0) - running.get((phase, kind), 0)),
                deselected=classes.get("deselected", 0),
                running=running.get((phase, kind), 0),
                done=classes.get("done", 0),
                failed=classes.get("failed", 0),
                queue=queue,
            )
            for (phase, kind, queue), classes in table.items()
        ]

    def failures(self, limit: int = 1000) -> list[Failure]:
        """The last failure of every failed job, in plan order."""
        return [Failure(*row) for row in self.database.rows("failures", limit=limit)]

    def latest_failures(self, limit: int) -> Iterator[FailureRow]:
        """Failures of all jobs, the latest first."""
        return self.database.stream(FailureRow, "latest_failures", limit=limit)

    def waiting(self, kinds: Iterable[str]) -> list[WaitingRow]:
        """The pending jobs of these kinds, and the bytes of the files that they will replace."""
        return self.database.read(WaitingRow, "waiting_jobs", kinds=json.dumps(sorted(kinds)))

    def uncertain_jobs(self) -> list[UncertainRow]:
        """The jobs of queues whose effect is or was in doubt."""
        return self.database.read(UncertainRow, "uncertain_jobs")

    def uncertain_counts(self) -> dict[int, int]:
        """The number of such jobs, by the phase of their queue."""
        return dict(self.database.read(UncertainCount, "uncertain_counts"))

    def rate_changes_of(self, phase: int, limit: int) -> list[RateChange]:
        """The latest changes of a queue's rate, newest first."""
        return self.database.read(RateChange, "latest_rate_changes", phase=phase, limit=limit)

    # -- outputs ------------------------------------------------------------------------------

    def unproven_files(self) -> list[BuiltFile]:
        """The files of runs that did not end cleanly: they may not have reached the disk."""
        return self.database.read(BuiltFile, "unproven_files", boot=clock.boot_id())

    def finished_files(self) -> list[BuiltFile]:
        """Every output of every done job, with its digest, by path."""
        return self.database.read(BuiltFile, "finished_files")

    def finished_outputs(self) -> list[OutputRow]:
        """Every output of every done job, in no particular order."""
        return self.database.read(OutputRow, "finished_outputs")

    def digests_of_kind(self, kind: str) -> list[DigestRow]:
        """The outputs of a kind with their digests, by path."""
        return self.database.read(DigestRow, "digests_of_kind", kind=kind)

    # -- runs over time -----------------------------------------------------------------------

    def runs_summary(self) -> RunsSummary:
        """How many runs there were, and when the first one began."""
        return self.database.read(RunsSummary, "count_runs")[0]

    def settled_span(self, since: float) -> SettledSpan:
        """When the first and the last job was settled since then."""
        return self.database.read(SettledSpan, "settled_span", since=since)[0]

    def settled_over_time(self, since: float, width: float) -> list[SettledRow]:
        """How many jobs were settled in each stretch of `width` seconds since then."""
        return self.database.read(SettledRow, "settled_over_time", since=since, width=width)

    def durations(self) -> Iterator[DurationRow]:
        """How long each attempt took: of pages the last one, of queues' jobs every one."""
        return self.database.stream(DurationRow, "durations")

    def latest_attempts(self, limit: int) -> list[AttemptRow]:
        """The attempts of the last run that has any, the latest first."""
        return self.database.read(AttemptRow, "latest_attempts", limit=limit)

    def attempts_by_outcome(self) -> list[OutcomeRow]:
        """The attempts at queues' jobs, summed by queue and outcome."""
        return self.database.read(OutcomeRow, "attempts_by_outcome")

    def export_page(
        self, phases: Iterable[int], *, after: int, limit: int, everything: bool
    ) -> list[ExportRow]:
        """A page of jobs of queues, those with ids above `after`, as an export has them."""
        return self.database.read(
            ExportRow, "export_page",
            phases=json.dumps(list(phases)), after=after, limit=limit, everything=everything,
        )  # fmt: skip
