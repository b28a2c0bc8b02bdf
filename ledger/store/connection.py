"""The SQLite file: the version of SQLite, opening the file, writing to it.

This is the only module that imports a SQLite driver. Two SQLite libraries on one file in one
process would drop each other's POSIX locks, and so would opening the database, its -wal or its
-shm file by hand.
"""

from __future__ import annotations

import fcntl
import os
import re
import struct
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeVar

from ledger.errors import LedgerError
from ledger.files import resource
from ledger.jobs import FIRST_QUEUE
from ledger.process.locks import is_locked

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from sqlite_utils import Database as UtilsDatabase
else:
    try:  # bundles a current SQLite; sqlite-utils makes the same choice
        import pysqlite3 as sqlite3
    except ImportError:
        import sqlite3

BUSY_SECONDS = 60.0
Row = sqlite3.Row
OperationalError = sqlite3.OperationalError

# All three files: a -wal that stays behind would be replayed into the new ledger.
MOVE_AWAY = (
    "stop the build if one runs, then: mkdir -p .ledger/broken && mv .ledger/ledger.db* "
    ".ledger/broken/ && ledger init && ledger spawn; everything is made again, texts are embedded "
    "again, and files whose bytes come out the same are not rewritten"
)


class WriteLockOwner(NamedTuple):
    """The process that is in a write transaction, and the ordinal of that among its own."""

    pid: int
    transaction: int


T = TypeVar("T", bound=NamedTuple)
"""A shape of rows (ledger/store/rows.py)."""

_OWNER = struct.Struct("<qq")


def sqlite_version() -> str:
    """The version of the SQLite library in use."""
    return str(sqlite3.sqlite_version)


def has_wal_reset_race(version: str) -> bool:
    """Whether this SQLite can lose a commit when several connections write and checkpoint.

    3.7.0 to 3.51.2 can; fixed in 3.51.3 and in the backports 3.50.7 and 3.44.6.
    """
    parts = tuple(int(part) for part in version.split("."))
    if (3, 50, 7) <= parts < (3, 51, 0) or (3, 44, 6) <= parts < (3, 45, 0):
        return False
    return (3, 7, 0) <= parts < (3, 51, 3)


def journal_mode() -> str:
    """`wal`, or `truncate` (slower, safe) if this SQLite can lose a commit in WAL mode."""
    return "truncate" if has_wal_reset_race(sqlite_version()) else "wal"


@cache
def queries() -> dict[str, str]:
    """The named blocks of `queries.sql`: every statement that runs on a ledger."""
    text = Path(__file__).with_name("queries.sql").read_text(encoding="utf-8")
    text = text.replace("FIRST_QUEUE", str(FIRST_QUEUE))
    blocks = re.split(r"^-- name: (\w+)\n", text, flags=re.MULTILINE)[1:]
    if len(set(blocks[::2])) < len(blocks[::2]):
        raise ValueError("a name stands twice in queries.sql")
    return {
        name: re.sub(r"^--.*\n", "", body, flags=re.MULTILINE).strip().rstrip(";")
        for name, body in zip(blocks[::2], blocks[1::2], strict=True)
    }


class Database:
    """One connection to a ledger file, with ways to write that are safe among many processes."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Open an existing, migrated file.

        Raises:
            LedgerError: there is none, or it is of another version than the program.
        """
        self.path = path
        if not path.is_file():
            raise LedgerError(
                f"no ledger at {path}", remedy="run `ledger init` to plan the project"
            )
        try:
            self.connection = _open_reader(path) if read_only else open_writer(path)
            have = self.connection.execute("PRAGMA user_version").fetchone()[0]
        except sqlite3.DatabaseError as error:
            raise LedgerError(
                f"{path} cannot be read as a ledger: {error}",
                remedy="move it away and run `ledger init`; pages that are there are not written again",
            ) from error
        self._statements = queries()
        self._write_lock = -1 if read_only else _open_write_lock(path)
        self._pid, self._transactions = os.getpid(), 0
        self.check_version(have)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()
        if self._write_lock >= 0:
            os.close(self._write_lock)
            self._write_lock = -1

    @property
    def utils(self) -> UtilsDatabase:
        """The same connection as a sqlite-utils database, for inspection.

        Its own writes begin deferred transactions; what writes to a ledger uses `immediate`.
        """
        from sqlite_utils import Database as UtilsDatabase

        return UtilsDatabase(self.connection)

    @contextmanager
    def immediate(self) -> Iterator[None]:
        """A write transaction: everything inside happens, or nothing.

        BEGIN IMMEDIATE, since a deferred transaction that turns to writing is refused at
        once however long the busy timeout is. Behind an flock at which all writers of the
        ledger queue, since SQLite's busy handler starves: of 12 workers the least served
        got nothing.
        """
        fcntl.flock(self._write_lock, fcntl.LOCK_EX)
        try:
            self._transactions += 1
            os.pwrite(self._write_lock, _OWNER.pack(self._pid, self._transactions), 0)
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise
        finally:
            fcntl.flock(self._write_lock, fcntl.LOCK_UN)

    def writer(self) -> WriteLockOwner | None:
        """The process that is in a write transaction, if any; does not wait."""
        write_lock = _write_lock_path(self.path)
        if not is_locked(write_lock):
            return None
        noted = write_lock.read_bytes()
        return WriteLockOwner(*_OWNER.unpack(noted)) if len(noted) == _OWNER.size else None

    def run(self, name: str, /, **values: Any) -> sqlite3.Cursor:
        """Execute the statement of that name."""
        return self.connection.execute(self._statements[name], values)

    def run_many(self, name: str, rows: Any) -> int:
        """Execute the statement of that name for each row; returns how many rows it changed."""
        return self.connection.executemany(self._statements[name], rows).rowcount

    def rows(self, name: str, /, **values: Any) -> list[Row]:
        """All rows of the statement of that name (fetched whole: COMMIT needs that)."""
        return self.run(name, **values).fetchall()

    def read(self, shape: type[T], name: str, /, **values: Any) -> list[T]:
        """All rows of the statement of that name, as the named tuples that its columns make."""
        cursor = self.run(name, **values)
        cursor.row_factory = None  # a Row in between would cost as much again, and so would `_make`
        new = tuple.__new__
        return [new(shape, row) for row in cursor]

    def stream(self, shape: type[T], name: str, /, **values: Any) -> Iterator[T]:
        """Like `read`, row by row, for reports that need not hold them all; not while others write."""
        cursor = self.run(name, **values)
        cursor.row_factory = None
        return map(shape._make, cursor)

    def value(self, name: str, /, **values: Any) -> Any:
        """The first column of the first row of the statement of that name, or None."""
        row = self.run(name, **values).fetchone()
        return None if row is None else row[0]

    def check_version(self, have: int) -> None:
        """Refuse a file of another schema version; a subclass may accept it.

        Raises:
            LedgerError: the remedy leads to the version that this program knows.
        """
        if have == len(migrations()):
            return
        self.close()
        raise wrong_version(self.path, have)


def migrations() -> list[Path]:
    """The migration files, in the order in which `store/migrations.py` applies them."""
    return sorted(resource("migrations").glob("[0-9]*.sql"))


def wrong_version(path: Path, have: int) -> LedgerError:
    """Say that a ledger has another schema version than this program, and what to do."""
    want = len(migrations())
    return LedgerError(
        f"the ledger {path} has schema version {have}, this program knows {want}",
        remedy="upgrade the program: pip install -U ledger"
        if have > want
        else "run `ledger init` once; it migrates the ledger and keeps what is done",
    )


def open_writer(path: Path) -> sqlite3.Connection:
    """Open a connection that may write; creates the file if there is none."""
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.execute(f"PRAGMA journal_mode = {journal_mode()}")
    # A killed process loses nothing at NORMAL; a power cut may take back the last commits,
    # which then run again.
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA journal_size_limit = 16777216")
    return connection


def _open_reader(path: Path) -> sqlite3.Connection:
    """A connection that writes nothing, not even the -wal and -shm files of an idle ledger."""
    idle = not path.with_name(path.name + "-wal").exists()
    flags = "mode=ro&immutable=1" if idle and journal_mode() == "wal" else "mode=ro"
    connection = sqlite3.connect(
        f"{path.resolve().as_uri()}?{flags}", uri=True, timeout=BUSY_SECONDS, isolation_level=None
    )
    connection.row_factory = sqlite3.Row
    return connection


def _open_write_lock(path: Path) -> int:
    return os.open(_write_lock_path(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)


def _write_lock_path(path: Path) -> Path:
    return path.with_name("write-lock")
