"""Checks of the ledger file: integrity, schema version, references, counters, plan."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ledger.fingerprint import fingerprint
from ledger.health.finding import error, ok, refused, warning
from ledger.store import health
from ledger.store.connection import MOVE_AWAY, migrations
from ledger.store.plan import Documents
from ledger.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ledger.health.context import CheckContext
    from ledger.health.finding import Finding
    from ledger.project.load import Project
    from ledger.store.store import Store

DOCUMENTS_AT_ONCE = 1000


def integrity(context: CheckContext) -> Iterator[Finding]:
    """SQLite finds every page and index of the file sound."""
    for fault in context.faults:
        yield refused(fault)
    if not context.faults:
        size = context.project.ledger_path.stat().st_size
        yield ok(f"{context.name} is whole, {size / 1e6:,.1f} MB")


def schema(context: CheckContext) -> Iterator[Finding]:
    """The schema is the one that this program knows."""
    if context.faults:
        return
    have, want = context.ledger.version, len(migrations())
    if have > want:
        yield error(
            f"the ledger has schema version {have}, this program knows {want}",
            context.name,
            "upgrade the program: pip install -U ledger",
        )
    elif have < want:
        yield warning(
            f"the ledger has schema version {have}, this program uses {want}",
            context.name,
            "run `ledger init` once; it migrates the ledger and keeps what is done",
        )
    else:
        yield ok(f"schema version {have}, the one that this program uses")


def references(context: CheckContext) -> Iterator[Finding]:
    """No row refers to a missing one."""
    loose = Counter((row.table, row.parent) for row in health.loose_references(context.ledger))
    for (table, parent), count in loose.items():
        yield error(
            f"{counted(count, 'reference')} from {table} to missing rows of {parent}",
            context.name,
            MOVE_AWAY,
        )
    if not loose:
        yield ok("no row refers to a missing one")


def counters(context: CheckContext) -> Iterator[Finding]:
    """The counters, which decide when a phase is over, agree with the jobs."""
    miscounts = health.miscounts(context.ledger)
    for row in miscounts:
        yield error(
            f"{row.kind}, {row.class_}: {row.kept:,} by the counters, {row.counted:,} when counted",
            context.name,
        )
    if not miscounts:
        jobs = sum(count.total + count.deselected for count in context.ledger.counts())
        yield ok(f"{counted(jobs, 'job')}, as the counters say")


def recount(project: Project, store: Store, findings: Sequence[Finding]) -> None:
    """Count the jobs again."""
    del project, findings
    health.recount(store)


def plan(context: CheckContext) -> Iterator[Finding]:
    """There is a plan, and its documents have the texts that it was made from."""
    if not context.facts:
        yield error("nothing is planned", context.name, "ledger init")
        return
    wanted, seen = context.facts["documents"], 0
    for first in range(0, wanted, DOCUMENTS_AT_ONCE):
        for document in Documents(context.ledger).between(first, first + DOCUMENTS_AT_ONCE):
            seen += 1
            if fingerprint(document.text) != document.text_digest:
                yield error(
                    f"the text of {document.identity} is not the one that was planned",
                    context.name,
                    MOVE_AWAY,
                )
    if seen != wanted:
        yield error(
            f"{seen:,} of {counted(wanted, 'planned document')} found", context.name, MOVE_AWAY
        )
    else:
        yield ok(f"{counted(wanted, 'planned document')}, every text unchanged")
