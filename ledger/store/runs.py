"""Runs and workers: registering, throttling and ending them, and selecting the jobs of a run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ledger.process import clock
from ledger.store.rows import OpenRunRow, RunRow, WorkerRow

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ledger.store.connection import Database


class Runs:
    """The runs of a ledger and their workers."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def start_run(
        self, workers: int, *, keep_going: bool, queues: Iterable[int] | None = None
    ) -> int:
        """Open a run; runs whose coordinator died are closed as abandoned.

        `queues` are the phases of the queues that it includes; None: all.
        """
        about = None if queues is None else json.dumps(sorted(queues))
        with self.database.immediate():
            self.end_abandoned()
            facts = {"at": clock.wall(), "boot": clock.boot_id(), "workers": workers}
            values = {**facts, "keep_going": keep_going, "queues": about}
            return int(self.database.value("start_run", **values))

    def end_abandoned(self) -> int:
        """Within a transaction: close the runs whose coordinator died; returns how many."""
        return self.database.run("end_abandoned_runs", at=clock.wall()).rowcount

    def select(
        self,
        *,
        kinds: Iterable[str] | None = None,
        queues: Iterable[int] = (),
        documents: int | None = None,
    ) -> None:
        """Select the jobs of the run: some kinds and queues, the first documents' jobs, or all."""
        run = self.database.run
        with self.database.immediate():
            run("select_all_jobs")
            if kinds is not None:
                phases = json.dumps(sorted(queues))
                run("deselect_other_kinds", kinds=json.dumps(sorted(kinds)), phases=phases)
            if documents is not None:
                run("deselect_later_documents", limit=documents)

    def throttle_run(self, run: int, why: str | None) -> None:
        """Prevent new claims for as long as there is a reason; None: continue."""
        with self.database.immediate():
            self.database.run("throttle_run", run=run, why=why)

    def stop_run(self, run: int) -> None:
        """Prevent new claims in this run from now on."""
        with self.database.immediate():
            self.database.run("stop_run", run=run)

    def end_run(self, run: int, outcome: str) -> None:
        """Close a run."""
        with self.database.immediate():
            self.database.run("end_run", run=run, at=clock.wall(), outcome=outcome)

    def start_worker(self, run: int, number: int, pid: int) -> int:
        """Register a worker process; returns its id, unique in the ledger."""
        values = {"run": run, "number": number, "pid": pid, "at": clock.wall()}
        with self.database.immediate():
            return int(self.database.value("start_worker", **values))

    def end_worker(self, worker: int, outcome: str) -> None:
        """Record how a worker ended."""
        with self.database.immediate():
            self.database.run("end_worker", worker=worker, at=clock.wall(), outcome=outcome)

    def latest_worker(self) -> int:
        """The id of the worker that registered last, or 0."""
        return int(self.database.value("latest_worker") or 0)

    def worker_of_number(self, run: int, number: int, after: int) -> int | None:
        """The id above `after` under which worker `number` registered, if it has."""
        values = {"run": run, "number": number, "after": after}
        worker: int | None = self.database.value("worker_of_number", **values)
        return worker

    def latest(self) -> RunRow | None:
        """The latest run, if there was one."""
        rows = self.database.read(RunRow, "last_run")
        return rows[0] if rows else None

    def without_end(self) -> list[OpenRunRow]:
        """The runs that are active or were killed."""
        return self.database.read(OpenRunRow, "open_runs")

    def open_workers(self) -> list[WorkerRow]:
        """The workers without a recorded end."""
        return self.database.read(WorkerRow, "open_workers")
