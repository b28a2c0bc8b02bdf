"""The statements of `ledger doctor` and `ledger verify`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.store.rows import ForeignKeyRow, JobOutputRow, LeaseOutRow, MiscountRow, WidthRow

if TYPE_CHECKING:
    from ledger.store.store import Store


def integrity_faults(store: Store) -> list[str]:
    """The faults that SQLite's own check finds; empty if the file is sound."""
    return [str(row[0]) for row in store.database.rows("integrity_check") if row[0] != "ok"]


def loose_references(store: Store) -> list[ForeignKeyRow]:
    """The rows whose foreign key refers to no row."""
    return store.database.read(ForeignKeyRow, "foreign_key_check")


def miscounts(store: Store) -> list[MiscountRow]:
    """Where the counters and the jobs disagree."""
    return store.database.read(MiscountRow, "miscounted")


def recount(store: Store) -> None:
    """Count the jobs again, and replace the counters."""
    with store.immediate():
        store.database.run("forget_counters")
        store.database.run("recount")


def leases_out(store: Store) -> list[LeaseOutRow]:
    """Every lease, with how many jobs it holds and whether its worker has ended."""
    return store.database.read(LeaseOutRow, "leases_out")


def outputs_of_kind(store: Store, kind: str) -> list[JobOutputRow]:
    """The jobs of a kind with each of their outputs, by path."""
    return store.database.read(JobOutputRow, "outputs_of_kind", kind=kind)


def widths(store: Store, phase: int) -> list[WidthRow]:
    """How many vectors of each width a queue of embeddings has as results."""
    return store.database.read(WidthRow, "widths", phase=phase)


def count_outputs(store: Store, pattern: str) -> int:
    """How many outputs have a path that matches a GLOB pattern."""
    return int(store.database.value("count_outputs", pattern=pattern))


def count_unwritten_outputs(store: Store) -> int:
    """How many outputs were never written."""
    return int(store.database.value("unwritten_outputs"))
