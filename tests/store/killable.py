"""A store whose process can be killed before any statement, and that records stray writes."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from ledger.store import connection as db
from ledger.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

READS = ("SELECT", "PRAGMA")
ENDS = ("COMMIT", "ROLLBACK")


class KilledError(BaseException):
    """The process is gone: this comes out of the statement that it did not get to."""


class Wire(db.sqlite3.Connection):
    """A connection that dies where its fuse ends: closed as it is, with no COMMIT or ROLLBACK."""

    fuse = 0  # the ordinal from now of the statement that is never run; 0: none
    dead = False
    inside = False  # of a BEGIN IMMEDIATE

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.strays: list[str] = []
        self.set_trace_callback(self.see)

    def see(self, statement: str) -> None:
        """SQLite runs this now; what writes must be inside of BEGIN IMMEDIATE."""
        if statement == "BEGIN IMMEDIATE":
            self.inside = True
        elif statement in ENDS:
            self.inside = False
        elif not self.inside and not statement.startswith(READS):
            self.strays.append(statement)

    def burn(self) -> None:
        """One statement more."""
        if not self.fuse:
            return
        self.fuse -= 1
        if not self.fuse:
            self.dead = True
            self.close()
            raise KilledError

    def execute(self, *args: Any) -> Any:
        """Run it, if there is time left."""
        self.burn()
        return super().execute(*args)

    def executemany(self, *args: Any) -> Any:
        """Run it for all rows, if there is time left."""
        self.burn()
        return super().executemany(*args)

    @property
    def in_transaction(self) -> bool:
        """A dead process has none to roll back."""
        return not self.dead and super().in_transaction


class KillableDatabase(db.Database):
    """A database on a `Wire`; other processes do `overtaken_by` just before its next transaction."""

    connection: Wire

    def __init__(self, path: Path) -> None:
        connect = partial(db.sqlite3.connect, factory=Wire)
        with patch.object(db.sqlite3, "connect", connect):
            super().__init__(path)
        self.connection.execute("PRAGMA synchronous = OFF")  # no test cuts the power
        self.connection.strays.clear()
        self.overtaken_by: Callable[[], None] | None = None

    @contextmanager
    def immediate(self) -> Iterator[None]:
        """The transaction, after those of quicker processes."""
        quicker, self.overtaken_by = self.overtaken_by, None
        if quicker:
            quicker()
        with super().immediate():
            yield


class KillableStore(Store):
    """A store on a `KillableDatabase`."""

    database: KillableDatabase

    def __init__(self, path: Path, now: Callable[[], float]) -> None:
        super().__init__(KillableDatabase(path), now=now)

    @property
    def connection(self) -> Wire:
        """Its wire."""
        return self.database.connection

    def version(self) -> tuple[Wire, int, int]:
        """What changes with every write, of whatever process."""
        (others,) = self.connection.execute("PRAGMA data_version").fetchone()
        return self.connection, others, self.connection.total_changes
