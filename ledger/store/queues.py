"""The queues in the ledger: adding jobs, setting limits, pausing, cancelling, reading.

Their jobs are claimed and settled like those of a site (ledger/store/claims.py).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any, NamedTuple

from ledger.errors import BadInputError, LedgerError, Problem
from ledger.files import find_conflicts
from ledger.process import clock
from ledger.store.rows import JobNeed, OwnerRow, QueueJobRow, QueueRow, ResultRow
from ledger.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ledger.store.store import Store

# The limits that `ledger add` and `ledger spawn` may set; the others stay as they are.
LIMITS = (
    "after", "policy", "concurrency", "interval", "burst", "adaptive",
    "price_in", "price_out", "price_call", "money_ceiling", "tokens_ceiling",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class QueueJob:
    """A job to add. `made` is (bytes, digest) of an existing output that is adopted as its result."""

    key: str
    fingerprint: str
    record: dict[str, Any]
    output: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    made: tuple[int, str] | None = None


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue to add to, or to begin.

    `not_compared` are the fields in which two recipes may differ and yet make the same.
    """

    name: str
    kind: str
    module: str
    recipe: dict[str, Any]
    limits: dict[str, Any] = field(default_factory=dict)
    priority: int = 0
    max_attempts: int = 3
    not_compared: tuple[str, ...] = ()


class Added(NamedTuple):
    """How many jobs `add_jobs` added, changed, left unchanged and removed."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0


def add_jobs(
    store: Store, queue: Queue, jobs: Sequence[QueueJob], *, replace: bool = False
) -> Added:
    """Add new jobs, make changed ones pending again, and leave unchanged ones as they are.

    With `replace` the jobs of the queue that are not among these are removed.

    Raises:
        LedgerError: the queue is of another kind, or other jobs of it have another recipe.
        BadInputError: an output belongs to another job.
    """
    with store.immediate():
        phase = _open_queue(store, queue, jobs, replace=replace)
        before = {row.key: row for row in jobs_of(store, phase)}
        left_out = store.database.value("is_left_out", phase=phase) is not None
        rows = [_row(queue, phase, job, "deselected" if left_out else "pending") for job in jobs]
        new = [row for row in rows if row["key"] not in before]
        known = [(row, before[row["key"]]) for row in rows if row["key"] in before]
        changed = [{**row, "id": old.id} for row, old in known if _differs(row, old)]
        listed = {row["key"] for row in rows}
        gone = [row.id for key, row in before.items() if key not in listed] if replace else []
        drop_jobs(store, gone)
        _refuse_shared_outputs(store, queue, jobs)
        store.database.run_many("add_queue_job", new)
        store.database.run_many("change_queue_job", changed)
        store.database.run_many("forget_result", [{"job": row["id"]} for row in changed])
        _write_outputs(store, queue, jobs)
    return Added(len(new), len(changed), len(rows) - len(new) - len(changed), len(gone))


def _differs(row: dict[str, Any], old: QueueJobRow) -> bool:
    return bool(row["fingerprint"] != old.fingerprint)


def _open_queue(store: Store, queue: Queue, jobs: Sequence[QueueJob], *, replace: bool) -> int:
    """Create or update the row of the queue; returns its phase."""
    recipe = json.dumps(queue.recipe, ensure_ascii=False, sort_keys=True)
    row = queue_named(store, queue.name)
    if row is None:
        phase = int(store.database.value("next_queue"))
        facts = {"name": queue.name, "kind": queue.kind, "module": queue.module}
        store.database.run("add_queue", phase=phase, recipe=recipe, **facts)
    else:
        phase = row.phase
        _refuse_other_recipe(store, row, queue, jobs, replace=replace)
        facts = {"kind": queue.kind, "module": queue.module}
        store.database.run("change_queue", phase=phase, recipe=recipe, **facts)
    set_limits(store, phase, queue.limits)
    return phase


def _refuse_other_recipe(
    store: Store, row: QueueRow, queue: Queue, jobs: Sequence[QueueJob], *, replace: bool
) -> None:
    """A queue has one recipe: another one would silently change what the other jobs of it do."""
    before, now = (
        _compared(recipe, queue.not_compared) for recipe in (row.recipe, json.dumps(queue.recipe))
    )
    if (row.kind == queue.kind and before == now) or replace:
        return
    listed = {f"{queue.name}/{job.key}" for job in jobs}
    others = [job.key for job in jobs_of(store, row.phase) if job.key not in listed]
    if row.kind != queue.kind or others:
        raise LedgerError(
            f"the queue {queue.name!r} does something else already",
            context=f"kind {row.kind}, {counted(len(others), 'job')} not listed now",
            remedy="use another --name, list those jobs too, or use --replace to remove them",
        )


def _compared(recipe: str, ignored: Sequence[str]) -> dict[str, Any]:
    return {key: value for key, value in json.loads(recipe).items() if key not in ignored}


def _row(queue: Queue, phase: int, job: QueueJob, waiting: str) -> dict[str, Any]:
    return {
        "kind": queue.kind, "key": f"{queue.name}/{job.key}", "phase": phase,
        "priority": queue.priority, "fingerprint": job.fingerprint,
        "payload": json.dumps(job.record, separators=(",", ":")),
        "max_attempts": queue.max_attempts,
        "tokens_in": job.tokens_in, "tokens_out": job.tokens_out,
        "state": "done" if job.made else waiting,
        "at": clock.wall() if job.made else None,
    }  # fmt: skip


def _refuse_shared_outputs(store: Store, queue: Queue, jobs: Sequence[QueueJob]) -> None:
    """Refuse an output that a page or a job of another queue owns; the error names both jobs."""
    claims = [(job.output, f"{queue.kind}/{queue.name}/{job.key}") for job in jobs if job.output]
    taken = store.database.read(OwnerRow, "owners_of_outputs") if claims else ()
    owners = ((row.path, f"{row.kind}/{row.key}") for row in taken)
    problems = [
        Problem(
            path,
            f"would be written by both {owner} and {claimant}",
            "give one of them another --out",
        )
        for path, owner, claimant in find_conflicts(claims, owners)
    ]
    if problems:
        raise BadInputError(problems)


def _write_outputs(store: Store, queue: Queue, jobs: Sequence[QueueJob]) -> None:
    facts = [
        {
            "path": job.output, "kind": queue.kind, "key": f"{queue.name}/{job.key}",
            "bytes": job.made[0] if job.made else None,
            "digest": job.made[1] if job.made else None,
            "inputs": job.fingerprint if job.made else None,
        }
        for job in jobs
    ]  # fmt: skip
    # A file that a changed job wrote under its old name is still a result: it stays on disk.
    store.database.run_many("forget_other_outputs", facts)
    store.database.run_many("add_queue_output", [row for row in facts if row["path"]])


def drop_jobs(store: Store, jobs: Iterable[int]) -> None:
    """Remove jobs from the ledger; the files that they made stay."""
    rows = [{"job": job} for job in jobs]
    store.database.run_many("drop_outputs_of_job", rows)
    store.database.run_many("drop_job", rows)


def set_limits(store: Store, phase: int, limits: dict[str, Any]) -> None:
    """Change the limits that are named."""
    unknown = set(limits) - set(LIMITS)
    if unknown:
        raise ValueError(f"no limits: {unknown}")
    if not limits:
        return
    row = store.database.read(QueueRow, "queue", phase=phase)[0]
    values = {name: limits.get(name, getattr(row, name)) for name in LIMITS}
    store.database.run("set_limits", phase=phase, **values)


def clear_exhausted(store: Store) -> None:
    """Within a transaction: reopen the queues whose budget was exhausted."""
    store.database.run("clear_exhausted")


def set_paused(store: Store, phase: int, *, paused: bool) -> None:
    """Within a transaction: pause a queue, or resume it."""
    store.database.run("pause_queue", phase=phase, paused=int(paused))


# -- reading -----------------------------------------------------------------------------------


def queue_named(store: Store, name: str) -> QueueRow | None:
    """The queue of that name; None if there is none."""
    rows = store.database.read(QueueRow, "queue_named", name=name)
    return rows[0] if rows else None


def all_queues(store: Store) -> list[QueueRow]:
    """All queues, oldest first."""
    return store.database.read(QueueRow, "queues")


def chosen_queues(store: Store, names: Iterable[str]) -> list[QueueRow]:
    """The queues of those names; all, if none is named.

    Raises:
        LedgerError: a name is not that of a queue.
    """
    queues = all_queues(store)
    wanted = list(names)
    known = {row.name for row in queues}
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise LedgerError(
            f"no queue is called {', '.join(unknown)}",
            remedy=f"use one of: {', '.join(sorted(known))}"
            if known
            else "add one: ledger add --name NAME -- COMMAND",
        )
    return [row for row in queues if not wanted or row.name in wanted]


def jobs_of(store: Store, phase: int) -> list[QueueJobRow]:
    """The jobs of a queue, oldest first."""
    return store.database.read(QueueJobRow, "jobs_in_phase", phase=phase)


def waiting_jobs(store: Store, phase: int, key: str | None = None) -> list[int]:
    """The jobs of a queue that are pending or deselected; only that of a key, if one is given."""
    return [row[0] for row in store.database.rows("waiting_in_queue", phase=phase, key=key)]


def next_job(store: Store, phase: int) -> JobNeed | None:
    """The most that the next job of a queue may spend; None if none is pending."""
    rows = store.database.read(JobNeed, "next_in_queue", phase=phase)
    return rows[0] if rows else None


def results_of(store: Store, phase: int) -> list[ResultRow]:
    """The jobs of a queue with their results, oldest first."""
    return store.database.read(ResultRow, "results", phase=phase)


def owned_paths(store: Store, paths: Iterable[str]) -> set[str]:
    """The paths among these that are outputs of the ledger."""
    return {row[0] for row in store.database.rows("queue_outputs", paths=json.dumps(list(paths)))}


# -- queues that come after others ---------------------------------------------------------------


def with_those_before(store: Store, names: Iterable[str]) -> set[int]:
    """The phases of the named queues and of all queues before them."""
    rows = {row.name: row for row in all_queues(store)}
    waiting, phases = list(names), set[int]()
    while waiting:
        row = rows.get(waiting.pop())
        if row is not None and row.phase not in phases:
            phases.add(row.phase)
            waiting += row.names_before
    return phases


def refuse_circles(store: Store, name: str, after: Sequence[str]) -> None:
    """Refuse an order in which a queue comes after itself, directly or not.

    Raises:
        LedgerError: the message names the circle, or the unknown queues.
    """
    rows = {row.name: row.names_before for row in all_queues(store)}
    unknown = [each for each in after if each not in rows]
    if unknown:
        raise LedgerError(
            f"no queue is called {', '.join(unknown)}", remedy="add it first, then what is after it"
        )
    rows[name] = list(after)
    try:
        TopologicalSorter(rows).prepare()
    except CycleError as error:
        # From a queue to one that comes before it, as `--after` is written.
        circle = " -> ".join(reversed(error.args[1]))
        raise LedgerError(
            f"queues would wait for each other: {circle}", remedy="leave one --after out"
        ) from None
