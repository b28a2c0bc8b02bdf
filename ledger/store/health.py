"""The statements of `ledger doctor` and `ledger verify`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.store.rows import ForeignKeyRow, JobOutputRow, LeaseOutRow, MiscountRow, WidthRow

if TYPE_CHECKING:
    from ledger.store.connection import Statements


def integrity_faults(database: Statements) -> list[str]:
    """The faults that SQLite's own check finds; empty if the file is sound."""
    return [str(row[0]) for row in database.rows("integrity_check") if row[0] != "ok"]


def loose_references(database: Statements) -> list[ForeignKeyRow]:
    """The rows whose foreign key refers to no row."""
    return database.read(ForeignKeyRow, "foreign_key_check")


def miscounts(database: Statements) -> list[MiscountRow]:
    """Where the counters and the jobs disagree."""
    return database.read(MiscountRow, "miscounted")


def recount(database: Statements) -> None:
    """Count the jobs again, and replace the counters."""
    with database.immediate():
        database.run("forget_counters")
        database.run("recount")


def leases_out(database: Statements) -> list[LeaseOutRow]:
    """Every lease, with how many jobs it holds and whether its worker has ended."""
    return database.read(LeaseOutRow, "leases_out")


def outputs_of_kind(database: Statements, kind: str) -> list[JobOutputRow]:
    """The jobs of a kind with each of their outputs, by path."""
    return database.read(JobOutputRow, "outputs_of_kind", kind=kind)


def widths(database: Statements, phase: int) -> list[WidthRow]:
    """How many vectors of each width a queue of embeddings has as results."""
    return database.read(WidthRow, "widths", phase=phase)


def count_outputs(database: Statements, pattern: str) -> int:
    """How many outputs have a path that matches a GLOB pattern."""
    return int(database.value("count_outputs", pattern=pattern))


def count_unwritten_outputs(database: Statements) -> int:
    """How many outputs were never written."""
    return int(database.value("unwritten_outputs"))
