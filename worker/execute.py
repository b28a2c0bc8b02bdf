"""Execute one job: run its kind, publish its outputs, and say how it ended.

Where that happens is no concern of this module: it knows no lease, no coordinator and no SQL.
"""

from __future__ import annotations

import time
from importlib import import_module
from typing import TYPE_CHECKING, cast

from ledger.errors import JobError, TransientJobError, UncertainJobError
from ledger.jobs import FIRST_QUEUE, AttemptRecord, MadeFile, Settlement
from ledger.process import clock
from ledger.process.fault_points import Point, reached
from ledger.process.retry import Outcome, backoff_seconds, next_state
from worker.failing import reason_for

if TYPE_CHECKING:
    from ledger.jobs import Job, Output, Published
    from ledger.planning.kinds import Kind
    from worker.context import Context
    from worker.publish import Publisher

Owned = dict[str, "Published"]
"""What is known of the outputs that a job owns, by path."""


class PlannedKinds(dict[str, "Kind"]):
    """The kinds by name, each imported when its first job comes.

    From the modules that the plan recorded: to search for entry points in all installed packages
    would take a tenth of a worker's start.
    """

    def __init__(self, modules: dict[str, str]) -> None:
        super().__init__()
        self._modules = modules

    def __missing__(self, name: str) -> Kind:
        module = self._modules.get(name) or _installed(name)
        kind = self[name] = cast("Kind", import_module(module))
        return kind

    def has_effects(self, job: Job) -> bool:
        """Whether a job changes more than its outputs; False if its kind cannot be loaded."""
        if job.phase >= FIRST_QUEUE:
            return True
        try:
            return self[job.kind].effects
        except Exception:  # noqa: BLE001  the job will fail for that, and its report says why
            return False


def _installed(name: str) -> str:
    """Return the module of a kind that belongs to a queue and not to the plan."""
    from ledger.queues.kinds import module_of

    return module_of(name)


def execute(
    job: Job, owned: Owned, kinds: PlannedKinds, context: Context, publisher: Publisher
) -> Settlement:
    """Run one job and publish its outputs; whatever it raises is that job's failure.

    The settlement's `not_before` is on the clock of this machine's leases.
    """
    # Kinds fill the record in while they run; it is returned also when they raise.
    record = AttemptRecord(clock.wall()) if job.phase >= FIRST_QUEUE else None
    context.record = record
    reached(Point.JOB_IN_FLIGHT)
    started = time.perf_counter()
    try:
        outputs = _publish(job, owned, kinds, context, publisher)
        reached(Point.JOB_RAN)
    except Exception as error:  # noqa: BLE001  see the docstring
        return _failed(job, error, time.perf_counter() - started, context)
    return Settlement(job.id, "done", time.perf_counter() - started, outputs, record=record)


def _failed(job: Job, error: Exception, seconds: float, context: Context) -> Settlement:
    context.log.error("job failed", job=job.name, attempt=job.attempt, error=error)
    policy = (
        context.policy(job) if isinstance(error, UncertainJobError) else None
    )  # a query: only when it matters
    return settle_failure(job, error, seconds, context.record, policy)


def settle_failure(
    job: Job, error: Exception, seconds: float, record: AttemptRecord | None, policy: str | None
) -> Settlement:
    """Return the settlement of an attempt that raised: failed, or pending again after a wait."""
    retries = record.retries if record is not None else None
    state = next_state(
        _outcome(error), job.attempt, job.max_attempts, retries=retries, policy=policy
    )
    not_before = 0.0
    if state == "pending":
        from random import random  # not at the start of every worker: few jobs fail

        asked = error.after if isinstance(error, TransientJobError) else 0.0
        not_before = clock.now() + backoff_seconds(job.attempt, random, asked)
    reason = reason_for(job, error)
    return Settlement(job.id, state, seconds, reason=reason, not_before=not_before, record=record)


def _outcome(error: Exception) -> Outcome:
    if isinstance(error, UncertainJobError):
        return Outcome.IN_DOUBT
    return Outcome.TRANSIENT if isinstance(error, TransientJobError) else Outcome.FAILED


def _publish(
    job: Job, owned: Owned, kinds: PlannedKinds, context: Context, publisher: Publisher
) -> tuple[Published, ...]:
    """Run the job's kind, and publish each output as it comes.

    Raises:
        JobError: the job made an output that it does not own, or did not make one that it owns.
    """
    made = []
    for output in kinds[job.kind].run(job, context):
        if output.path not in owned:
            raise JobError(
                f"{job.name} made {output.path}, which is not among its planned outputs",
                remedy=f"name it in `plan` of the kind {job.kind!r}",
            )
        made.append(_publish_one(output, owned[output.path], publisher))
    missing = set(owned) - {published.path for published in made}
    if missing:
        raise JobError(
            f"{job.name} did not make {min(missing)}",
            remedy=f"make it in `run` of the kind {job.kind!r}, or do not plan it",
        )
    return tuple(made)


def _publish_one(output: Output | MadeFile, known: Published, publisher: Publisher) -> Published:
    if isinstance(output, MadeFile):
        return publisher.publish_file(output, known)
    return publisher.publish(output, known)
