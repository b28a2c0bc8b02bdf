"""Taking snapshots of a run: of this process's own, or of one that another process coordinates."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ledger.coordinator.recovery import coordinator_lives
from ledger.process import clock, worker_state
from ledger.store.plan import Documents
from ledger.text import first_words, printable
from ledger.views.eta import Estimator, Measured, read_measured, write_measured
from ledger.views.snapshot import AtWork, Ending, QueueState, Snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ledger.process.worker_state import InFlight
    from ledger.project.load import Project
    from ledger.store.reports import KindCount
    from ledger.store.rows import QueueRow, RunRow
    from ledger.store.store import Store

# Settling and claiming take a moment, in which no job is in flight; that is not waiting.
BETWEEN_SECONDS = 1.0
# The kinds whose key is the document that the page is about.
KINDS_OF_A_DOCUMENT = ("similar", "different")
SNIPPETS_KEPT = 1000
WRITE_SECONDS = 1.0
MEASURED_FILE = "measured.json"


class Watched(Protocol):
    """A run as a meter reads it: a supervisor, or `ledger.views.attach.RemoteRun`."""

    project: Project
    store: Store
    interrupted: bool
    deaths: int
    throttled: str | None

    @property
    def children(self) -> Sequence[Any]:
        """Its workers, each with a number."""
        ...

    @property
    def worker_count(self) -> int:
        """How many workers were asked for."""
        ...

    @property
    def keeps_going(self) -> bool:
        """Whether a failed job does not end it."""
        ...

    def counts(self) -> list[KindCount]:
        """The jobs that it is about, counted by kind and state."""
        ...

    def queues(self) -> list[QueueRow]:
        """The queues that it is about."""
        ...

    def worker_id(self, child: Any) -> int | None:
        """The id of one of its workers, once it has registered itself."""
        ...


class Course(NamedTuple):
    """What a snapshot says of a run in time: see `Snapshot` for the names."""

    elapsed: float
    before: int
    ending: Ending
    measured: Measured


class Meter:
    """Takes snapshots of the run of this process.

    Reads no more than counters and worker states, and writes what it has measured for other
    processes once a second.
    """

    remote = False

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._before: Snapshot | None = None
        self._estimator = Estimator(1)
        self._written = 0.0
        self._workers = Workers()

    def snapshot(self, watched: Watched) -> Snapshot:
        """The run now."""
        counts, workers = tuple(watched.counts()), self._workers.read(watched)
        queues, run = read_queues(watched.store, watched.queues()), read_run(watched.store)
        coordinated = self._is_coordinated(watched)
        course = self._course(watched, counts, workers, run)
        self._before = Snapshot(
            elapsed=course.elapsed,
            counts=counts,
            workers=workers,
            rate=course.measured.rate,
            forecast=course.measured.forecast(counts),
            deaths=self._deaths(watched),
            before=course.before,
            worker_count=watched.worker_count,
            ending=course.ending,
            queues=queues,
            parked=count_parked(watched.store, counts, queues),
            waits_for=watched.throttled or "",
            run=run,
            going_on=coordinated and run is not None and run.ended_at is None,
            coordinated=coordinated,
            remote=self.remote,
        )
        return self._before

    def _is_coordinated(self, _: Watched) -> bool:
        """Whether the coordinator is alive: here it is this process."""
        return True

    def _course(
        self,
        watched: Watched,
        counts: Sequence[KindCount],
        workers: Sequence[AtWork],
        run: RunRow | None,
    ) -> Course:
        now, before = time.monotonic(), self._before
        self._estimator.workers = watched.worker_count
        self._estimator.look(now, counts, [worker.kind for worker in workers if worker.job])
        measured = self._estimator.measured
        if run is not None and run.ended_at is None and now - self._written >= WRITE_SECONDS:
            self._written = now
            with suppress(OSError):  # a full disk is a worker's to report
                write_measured(_measured_file(watched), run.id, measured)
        settled = sum(count.done + count.failed for count in counts)
        return Course(
            elapsed=now - self._started,
            before=settled if before is None else before.before,
            ending=self._ending(watched, counts),
            measured=measured,
        )

    def _deaths(self, watched: Watched) -> int:
        """Workers that died; one that a second Ctrl+C killed did not."""
        if watched.interrupted and self._before is not None:
            return self._before.deaths
        return watched.deaths

    def _ending(self, watched: Watched, counts: Sequence[KindCount]) -> Ending:
        if watched.interrupted:
            return "interrupted"
        if self._before is None or watched.keeps_going:
            return ""
        more = sum(count.failed for count in counts) > self._before.failed
        return "failed" if more else self._before.ending


class RemoteMeter(Meter):
    """Takes snapshots of a run that another process coordinates; writes nothing.

    Time, rate and time left are those of the run, not of the watching.
    """

    remote = True

    def _is_coordinated(self, watched: Watched) -> bool:
        return coordinator_lives(watched.project)

    def _course(
        self,
        watched: Watched,
        counts: Sequence[KindCount],  # noqa: ARG002  # another process has measured with them
        workers: Sequence[AtWork],  # noqa: ARG002
        run: RunRow | None,
    ) -> Course:
        if run is None:
            return Course(0.0, 0, "", Measured())
        going_on = run.ended_at is None and self._is_coordinated(watched)
        return Course(
            elapsed=max(0.0, (run.ended_at or clock.wall()) - run.started_at),
            before=run.settled_before,
            ending=_ending_of(run),
            measured=read_measured(_measured_file(watched), run.id) if going_on else Measured(),
        )


def _ending_of(run: RunRow) -> Ending:
    if run.outcome == "interrupted":
        return "interrupted"
    return "failed" if run.stopping else ""


def _measured_file(watched: Watched) -> Path:
    return watched.project.state / MEASURED_FILE


# -- reading the ledger ---------------------------------------------------------------------


def read_run(store: Store) -> RunRow | None:
    """The latest run, if there was one."""
    return store.runs.latest()


def read_queues(store: Store, rows: Sequence[QueueRow]) -> tuple[QueueState, ...]:
    """The states of these queues."""
    if not rows:
        return ()
    uncertain = store.reports.uncertain_counts()
    return tuple(QueueState.of(row, uncertain.get(row.phase, 0)) for row in rows)


def count_parked(store: Store, counts: Sequence[KindCount], queues: Sequence[QueueState]) -> int:
    """The parked jobs of these queues; read only where there can be some."""
    failed = {count.phase for count in counts if count.failed}
    names = {
        queue.name
        for queue in queues
        if queue.policy == "park" and queue.uncertain and queue.phase in failed
    }
    if not names:
        return 0
    return sum(job.open for job in store.reports.uncertain_jobs() if job.queue in names)


class Workers:
    """Reads the workers' states; remembers what they had, and the first words of documents."""

    def __init__(self) -> None:
        self._rows: dict[int, AtWork] = {}
        self._snippets: dict[str, str] = {}

    def read(self, watched: Watched) -> tuple[AtWork, ...]:
        """All workers of a run, by their numbers."""
        rows = [
            self._row(watched, child.number, watched.worker_id(child)) for child in watched.children
        ]
        return tuple(sorted(rows, key=lambda row: row.worker))

    def _row(self, watched: Watched, number: int, worker: int | None) -> AtWork:
        folder = watched.project.state / "workers"
        job = worker_state.in_flight(folder, worker) if worker is not None else None
        if worker is None or job is None:
            return AtWork(number, "starting")
        seconds = max(0.0, clock.now() - job.since)
        if job.job:
            snippet = self._snippet(watched, job)
            row = AtWork(number, "at work", printable(job.name), seconds, snippet)
        elif seconds < BETWEEN_SECONDS and worker in self._rows:
            row = self._rows[worker]
        else:
            row = AtWork(number, "waiting", seconds=seconds if job.since else 0.0)
        self._rows[worker] = row
        return row

    def _snippet(self, watched: Watched, job: InFlight) -> str:
        kind, _, key = job.name.partition("/")
        if kind not in KINDS_OF_A_DOCUMENT:
            return ""
        if key not in self._snippets:
            if len(self._snippets) >= SNIPPETS_KEPT:
                self._snippets.clear()
            document = Documents(watched.store).get(key)
            self._snippets[key] = first_words(document.text) if document else ""
        return self._snippets[key]
