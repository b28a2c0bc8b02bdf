"""What `run` of every queue kind needs: a job's recipe, its scratch folder, its one output."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from ledger.errors import JobError
from ledger.fingerprint import fingerprint
from ledger.jobs import AttemptRecord, MadeFile
from ledger.process import clock
from ledger.queues.kinds import recipe_of
from ledger.queues.placeholders import fill
from ledger.queues.recipes import output_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ledger.jobs import Job
    from worker.context import Context


@dataclass(frozen=True, slots=True)
class Task:
    """A job of a queue with all that `run` needs.

    `record` is the attempt's: `run` sets its `result`, `facts` and `spent`.
    """

    job: Job
    queue: str
    recipe: Any
    record: AttemptRecord
    output: str
    root: Path
    scratch: Path
    kept_result: Any = None

    @property
    def key(self) -> str:
        """The key of the job in its queue."""
        return self.job.key.partition("/")[2]

    @property
    def idempotency_key(self) -> str:
        """The same for every attempt at this job, and for no other job."""
        return fingerprint(self.job.name, self.job.fingerprint)

    def fill(self, template: str) -> str:
        """A template with the values of the job's item: `{}`, `{path}`, `{lang}`, and `{key}`."""
        return fill(template, self.job.payload, {"key": self.key})

    def scratch_path(self) -> Path:
        """Where to make the output, under its own name; the worker publishes it when `run` ends."""
        self.scratch.mkdir(parents=True, exist_ok=True)
        path = self.scratch / (PurePosixPath(self.output).name or "out")
        path.unlink(missing_ok=True)
        return path

    def outputs(self, made: Path | None = None, data: bytes | None = None) -> Iterator[MadeFile]:
        """The output, from a file or from bytes; none if the recipe names none."""
        if not self.output:
            return
        if data is not None:
            made = self.scratch_path()
            made.write_bytes(data)
        yield MadeFile(self.output, self.job.fingerprint, str(made))


def task_of(job: Job, context: Context) -> Task:
    """The task of a job.

    Raises:
        JobError: its queue is gone.
        LedgerError: its kind is not installed.
    """
    queue = context.queue(job)
    if queue is None:
        raise JobError(
            f"the queue of {job.name} is gone",
            remedy="add it again: ledger add --name NAME -- COMMAND",
        )
    recipe = recipe_of(queue.kind, json.loads(queue.recipe))
    key = job.key.partition("/")[2]
    record = context.record or AttemptRecord(clock.wall())
    record.retries = recipe.retries
    output = output_of(recipe, job.payload, key)
    return Task(
        job, queue.name, recipe, record,
        os.path.normpath(output) if output else "", context.project.root, context.scratch,
        context.result(job),
    )  # fmt: skip
