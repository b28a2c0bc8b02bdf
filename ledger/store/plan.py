"""The plan as the ledger stores it: documents, facts, jobs, outputs; and its replacement.

A load is a handful of `executemany` over named statements inside one immediate transaction. It does
not go through sqlite-utils, which builds statements as text and opens deferred transactions of its own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from ledger.corpus.ordered import OrderedDocument
from ledger.errors import BadInputError, LedgerError, Problem
from ledger.files import find_conflicts
from ledger.jobs import FIRST_QUEUE
from ledger.process.fault_points import Point, reached
from ledger.store.connection import MOVE_AWAY
from ledger.store.plan_rows import (
    DocumentPlaceRow,
    IdentityRow,
    JobOfKindRow,
    ListedDocument,
    NeighbourRow,
    PlannedJobRow,
    PlannedOutputRow,
)
from ledger.store.rows import OwnerRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ledger.jobs import Planned
    from ledger.store.store import Store


@dataclass(frozen=True, slots=True)
class PlannedJob:
    """A planned job with the kind and phase it belongs to."""

    kind: str
    phase: int
    planned: Planned

    @property
    def name(self) -> tuple[str, str]:
        """(kind, key), unique in a plan."""
        return self.kind, self.planned.key


@dataclass(frozen=True, slots=True)
class Changes:
    """What a new plan does to the one before, in numbers of jobs and of output files."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    outputs_removed: int = 0

    @property
    def any(self) -> bool:
        """Whether anything changes at all."""
        return bool(self.added or self.changed or self.removed or self.outputs_removed)


class Documents:
    """The corpus as it was planned, read from the ledger."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, identity: str) -> OrderedDocument | None:
        """The document of that identity."""
        rows = self._store.database.rows("document", identity=identity)
        return OrderedDocument(*rows[0]) if rows else None

    def neighbours(self, chronology: int) -> dict[int, NeighbourRow]:
        """The documents just before and after a place in time, by their own places."""
        rows = self._store.database.read(NeighbourRow, "neighbours_in_time", chronology=chronology)
        return {row.chronology: row for row in rows}

    def at(self, positions: Iterable[int]) -> list[OrderedDocument]:
        """The documents at these positions, in no particular order."""
        rows = self._store.database.rows("documents_at", positions=json.dumps(list(positions)))
        return [OrderedDocument(*row) for row in rows]

    def heads(self, positions: Iterable[int]) -> list[OrderedDocument]:
        """The documents at these positions, without their content."""
        rows = self._store.database.rows("document_heads", positions=json.dumps(list(positions)))
        return [OrderedDocument(*row) for row in rows]

    def between(self, first: int, last: int) -> list[OrderedDocument]:
        """The documents at positions `first` (included) to `last` (excluded)."""
        rows = self._store.database.rows("documents_between", first=first, last=last)
        return [OrderedDocument(*row) for row in rows]

    def through_time(self, first: int, last: int) -> list[ListedDocument]:
        """The documents from a place in time (included) to another (excluded), oldest first."""
        return self._store.database.read(
            ListedDocument, "documents_in_time", first=first, last=last
        )

    def of_category(self, category: str, offset: int, limit: int) -> list[ListedDocument]:
        """Documents of one category, oldest first."""
        return self._store.database.read(
            ListedDocument, "documents_of_category", category=category, offset=offset, limit=limit
        )

    def identities(self) -> list[IdentityRow]:
        """All documents with the digests of their texts, in corpus order."""
        return self._store.database.read(IdentityRow, "identities")


def read_facts(store: Store) -> dict[str, Any]:
    """The facts that the plan records for the workers; empty before the first plan."""
    text = store.database.value("fact", name="plan")
    return dict(_noted(text)) if text else {}


def read_fact(store: Store, name: str) -> str | None:
    """One fact as text; None if it is not recorded."""
    value: str | None = store.database.value("fact", name=name)
    return value


def set_fact(store: Store, name: str, value: str) -> None:
    """Within a transaction: record a fact."""
    store.database.run("set_fact", name=name, value=value)


def forget_fact(store: Store, name: str) -> None:
    """Within a transaction: remove a fact."""
    store.database.run("forget_fact", name=name)


def stale_outputs(store: Store) -> list[str]:
    """The files to delete: their jobs are no longer in the plan."""
    return [row[0] for row in store.database.rows("stale_outputs")]


def add_stale_output(store: Store, path: str) -> None:
    """Record that a file no longer has a job."""
    store.database.run("add_stale_output", path=path)


def clear_stale_outputs(store: Store, paths: Iterable[str]) -> None:
    """Within a transaction: forget stale outputs that have been deleted."""
    store.database.run_many("clear_stale_outputs", [{"path": path} for path in paths])


def read_notes(store: Store) -> list[Problem]:
    """The planner's notes on the plan."""
    text = store.database.value("fact", name="notes")
    return [Problem(*note) for note in _noted(text)] if text else []


class PlannedBefore:
    """The previous plan, as a `ledger.planning.plan.Known`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def jobs(self, kind: str) -> dict[str, tuple[dict[str, Any], str]]:
        """(payload, state) of the jobs of a kind, by key."""
        return {
            row.key: (_noted(row.payload), row.state)
            for row in self._store.database.read(JobOfKindRow, "jobs_of_kind", kind=kind)
        }

    def extras(self) -> Iterator[str]:
        """The JSON of each document that only its kind of site reads."""
        return (row[0] for row in self._store.database.rows("extras"))

    def digests(self, kind: str) -> list[tuple[str, str | None]]:
        """(path, digest) of the outputs of a kind, by path; no digest before it is published."""
        return [(row[0], row[1]) for row in self._store.database.rows("digests_of_kind", kind=kind)]


def _noted(text: str) -> Any:
    """Parse JSON from the ledger, into which a damaged page of the file may have cut."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise LedgerError(
            f"what the ledger notes of the plan is damaged: {error}",
            context="SQLite finds nothing wrong with the file, but a page of it has other bytes",
            remedy=MOVE_AWAY,
        ) from error


def replan(
    store: Store,
    *,
    jobs: Sequence[PlannedJob],
    documents: Sequence[OrderedDocument],
    facts: dict[str, Any],
    notes: Sequence[Problem] = (),
    max_attempts: int,
) -> Changes:
    """Make the ledger hold exactly these jobs, in one transaction.

    A job whose fingerprint is the same keeps its state; one whose fingerprint changed is
    pending again; one that is no longer in the plan is removed, and its files become stale outputs.
    """
    with store.immediate():
        before = _planned_before(store)
        changes = compare(before, jobs)
        _refuse_outputs_of_queues(store, jobs)
        if read_facts(store).get("corpus") != facts["corpus"]:
            _write_documents(store, documents)
        _write_jobs(store, before, jobs, max_attempts)
        removed = _write_outputs(store, jobs)
        planned = {job.name for job in jobs}
        gone = [row.id for name, row in before.items() if name not in planned]
        store.database.run_many("drop_job", [{"job": job} for job in gone])
        store.database.run("set_fact", name="plan", value=json.dumps(facts, ensure_ascii=False))
        noted = json.dumps([(note.where, note.what, note.remedy) for note in notes])
        store.database.run("set_fact", name="notes", value=noted)
        reached(Point.PLAN_WRITTEN)
    reached(Point.PLANNED)
    return Changes(changes.added, changes.changed, changes.unchanged, changes.removed, removed)


def _planned_before(store: Store) -> dict[tuple[str, str], PlannedJobRow]:
    return {(row.kind, row.key): row for row in store.database.read(PlannedJobRow, "planned_jobs")}


def _refuse_outputs_of_queues(store: Store, jobs: Sequence[PlannedJob]) -> None:
    """Refuse a path that a job of a queue owns; the error names both jobs."""
    taken = [
        (row.path, f"{row.kind}/{row.key}")
        for row in store.database.read(OwnerRow, "owners_of_outputs")
        if row.phase >= FIRST_QUEUE
    ]
    claims = ((path, "/".join(job.name)) for job in jobs for path in job.planned.outputs)
    problems = [
        Problem(
            path,
            f"would be written by both {owner} and {claimant}",
            "take that job out of its queue (ledger cancel), or give the page another address",
        )
        for path, owner, claimant in (find_conflicts(claims, taken) if taken else ())
    ]
    if problems:
        raise BadInputError(problems)


def _write_documents(store: Store, documents: Sequence[OrderedDocument]) -> None:
    """Make the documents exactly these; an unchanged one is at most moved.

    A planner that knows that a document is unchanged therefore need not read its content again.
    """
    before = {
        row.identity: row for row in store.database.read(DocumentPlaceRow, "ordered_documents")
    }
    added, moved = [], []
    for document in documents:
        row = before.pop(document.identity, None)
        if row is None or row.digest != document.digest:
            added.append(document)
            if row is not None:
                before[document.identity] = row
        elif any(getattr(row, name) != getattr(document, name) for name in _PLACE):
            moved.append({name: getattr(document, name) for name in ("identity", *_PLACE)})
    store.database.run_many("drop_document", [{"identity": identity} for identity in before])
    # Places are unique, so all documents that move leave theirs before the first takes its new one.
    store.database.run_many("lift_document", [{"identity": row["identity"]} for row in moved])
    store.database.run_many("place_document", moved)
    store.database.run_many("add_document", [_document_row(document) for document in added])


def compare(before: dict[tuple[str, str], PlannedJobRow], jobs: Iterable[PlannedJob]) -> Changes:
    """Compute what planning `jobs` would change; `before` holds the present jobs by (kind, key)."""
    added = changed = unchanged = 0
    for job in jobs:
        row = before.get(job.name)
        if row is None:
            added += 1
        elif row.fingerprint != job.planned.fingerprint:
            changed += 1
        else:
            unchanged += 1
    return Changes(added, changed, unchanged, len(before) - changed - unchanged)


def preview(store: Store, jobs: Sequence[PlannedJob]) -> Changes:
    """Compute what `replan` would do, without doing it."""
    before = _planned_before(store)
    changes = compare(before, jobs)
    paths = {path for job in jobs for path in job.planned.outputs}
    planned = store.database.read(PlannedOutputRow, "planned_outputs")
    removed = sum(row.path not in paths for row in planned)
    return Changes(changes.added, changes.changed, changes.unchanged, changes.removed, removed)


# What a plan may change about a document whose text is the same as before.
_PLACE = ("position", "chronology", "slug")

# What a plan may change about a job without the job having to run again.
_MOVING = ("phase", "priority", "position", "payload")


def _write_jobs(
    store: Store,
    before: dict[tuple[str, str], PlannedJobRow],
    jobs: Sequence[PlannedJob],
    max_attempts: int,
) -> None:
    added, changed, moved = [], [], []
    for job in jobs:
        row, wanted = before.get(job.name), _job_row(job, max_attempts)
        if row is None:
            added.append(wanted)
        elif row.fingerprint != wanted["fingerprint"]:
            changed.append({**wanted, "id": row.id})
        elif any(getattr(row, name) != wanted[name] for name in _MOVING):
            moved.append({**wanted, "id": row.id})
    store.database.run_many("add_job", added)
    store.database.run_many("change_job", changed)
    store.database.run_many("move_job", moved)


def _write_outputs(store: Store, jobs: Sequence[PlannedJob]) -> int:
    """Make the outputs exactly those planned; returns how many files are stale.

    A job that is done, or held by a worker of an earlier run, runs again if the plan gives it
    another path.
    """
    ids = {name: row.id for name, row in _planned_before(store).items()}
    wanted = {path: ids[job.name] for job in jobs for path in job.planned.outputs}
    have = dict(store.database.read(PlannedOutputRow, "planned_outputs"))
    rows: list[dict[str, Any]] = [{"path": path, "job": job} for path, job in wanted.items()]
    added = [row for row in rows if row["path"] not in have]
    moved = [row for row in rows if have.get(row["path"], row["job"]) != row["job"]]
    store.database.run_many("add_output", added)
    store.database.run_many("move_output", moved)
    store.database.run_many("run_again", [{"job": row["job"]} for row in [*added, *moved]])
    gone = [{"path": path} for path in have if path not in wanted]
    store.database.run_many("add_stale_output", gone)
    store.database.run_many("drop_output", gone)
    store.database.run_many("clear_stale_outputs", [{"path": row["path"]} for row in added])
    return len(gone)


def _job_row(job: PlannedJob, max_attempts: int) -> dict[str, Any]:
    planned = job.planned
    return {
        "kind": job.kind,
        "key": planned.key,
        "phase": job.phase,
        "priority": planned.priority,
        "position": planned.position,
        "fingerprint": planned.fingerprint,
        "payload": _as_json(planned.payload),
        "max_attempts": max_attempts,
    }


def _as_json(payload: dict[str, Any]) -> str:
    if not payload:
        return "{}"
    try:
        return orjson.dumps(payload).decode("utf-8")
    except TypeError:  # half a surrogate, or a number of more than 64 bits
        return json.dumps(payload)


def _document_row(document: OrderedDocument) -> dict[str, Any]:
    return {name: getattr(document, name) for name in OrderedDocument.__slots__}
