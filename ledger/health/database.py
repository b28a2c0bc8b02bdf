"""Checks of the ledger file: whole, of our version, without loose ends, rightly counted, planned."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ledger.fingerprint import fingerprint
from ledger.health.finding import error, ok, refused, warning
from ledger.store.connection import MOVE_AWAY, migrations
from ledger.store.plan import Documents

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ledger.health.context import CheckContext
    from ledger.health.finding import Finding
    from ledger.project.load import Project
    from ledger.store.store import Store

DOCUMENTS_AT_ONCE = 1000


def integrity(context: CheckContext) -> Iterator[Finding]:
    """The file is whole, page by page and index by index."""
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
            f"the ledger has schema version {have}, this program wants {want}",
            context.name,
            "run `ledger init` once; it migrates the ledger and keeps what is done",
        )
    else:
        yield ok(f"schema version {have}, as this program wants it")


def references(context: CheckContext) -> Iterator[Finding]:
    """No row names one that is not there."""
    loose = Counter(
        (row["table"], row["parent"]) for row in context.ledger.rows("foreign_key_check")
    )
    for (table, parent), count in loose.items():
        yield error(
            f"{count:,} rows of {table} name rows of {parent} that are not there",
            context.name,
            MOVE_AWAY,
        )
    if not loose:
        yield ok("no row names one that is not there")


def counters(context: CheckContext) -> Iterator[Finding]:
    """The counters, by which phases follow one another, agree with counting the jobs."""
    for row in context.ledger.rows("miscounted"):
        yield error(
            f"{row['kind']}, {row['class']}: {row['kept']:,} by the counters, "
            f"{row['counted']:,} when counted",
            context.name,
        )
    if not context.ledger.rows("miscounted"):
        jobs = sum(count.total + count.deselected for count in context.ledger.counts())
        yield ok(f"{jobs:,} jobs, as the counters say")


def recount(project: Project, store: Store, findings: Sequence[Finding]) -> None:
    """Count the jobs anew."""
    del project, findings
    with store.immediate():
        store.run("forget_counters")
        store.run("recount")


def plan(context: CheckContext) -> Iterator[Finding]:
    """There is a plan, and the documents in it are those that it was made from."""
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
        yield error(f"{seen:,} of {wanted:,} planned documents are there", context.name, MOVE_AWAY)
    else:
        yield ok(f"{wanted:,} documents are planned, with the texts that they had then")
