"""Requeueing: put settled jobs back to pending, on request or because outputs are lost or damaged."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ledger.store.connection import Database


class Requeue:
    """Puts jobs back to pending."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def retry(
        self,
        *,
        failed_only: bool,
        kind: str | None = None,
        key: str | None = None,
        phase: int | None = None,
        uncertain: bool = False,
    ) -> int:
        """Put jobs back to pending with all their attempts; returns how many.

        `phase` is that of a queue. Parked jobs, whose effect is in doubt, only with `uncertain`.
        """
        which = {"kind": kind, "key": key, "phase": phase}
        with self.database.immediate():
            if failed_only:
                return len(self.database.rows("retry", uncertain=uncertain, **which))
            rows = self.database.rows("retry_any", **which)
            # An explicit request: the job runs again, even if no input has changed.
            jobs = [{"job": row[0]} for row in rows]
            self.database.run_many("forget_inputs_of_job", jobs)
            self.database.run_many("forget_result", jobs)
            return len(rows)

    def requeue(self, jobs: Iterable[int]) -> int:
        """Put done jobs whose outputs were lost back to pending; returns how many."""
        with self.database.immediate():
            return sum(self.database.run("requeue", job=job).rowcount for job in jobs)

    # -- within a transaction ----------------------------------------------------------------

    def requeue_job(self, job: int) -> int:
        """Put a done job back; returns how many were (0 or 1)."""
        return self.database.run("requeue", job=job).rowcount

    def requeue_kinds(self, kinds: Iterable[str]) -> int:
        """Put all done jobs of some kinds back; returns how many."""
        return self.database.run("requeue_kinds", kinds=json.dumps(sorted(kinds))).rowcount

    def forget_outputs(self, paths: Iterable[str]) -> None:
        """Forget size and digest of damaged files, so that publishing writes them again."""
        self.database.run_many("forget_output", [{"path": path} for path in paths])

    def forget_inputs(self, kinds: Iterable[str]) -> None:
        """Forget the inputs of the outputs of some kinds: they are rendered again and compared."""
        self.database.run("forget_inputs", kinds=json.dumps(sorted(kinds)))
