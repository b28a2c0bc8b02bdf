"""Bring a ledger file to the current schema, through sqlite-utils' migrations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.store import connection

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from sqlite3 import Connection

    from sqlite_utils import Database, Migrations

MIGRATION_SET = "ledger"


def migrate(path: Path) -> None:
    """Create the ledger file or bring it to the current schema, one transaction per migration.

    Which migrations were applied is in `_sqlite_migrations`, where `sqlite-utils migrate --list`
    looks; `PRAGMA user_version` is their number, which workers can read without sqlite-utils.

    Raises:
        LedgerError: the file is newer than the program.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    database = connection.open_writer(path)
    try:
        have = database.execute("PRAGMA user_version").fetchone()[0]
        if have > len(connection.migrations()):
            raise connection.wrong_version(path, have)
        if have < len(connection.migrations()):
            # A table that is rebuilt is dropped first, which would cascade; the setting has
            # no effect within a transaction.
            database.execute("PRAGMA foreign_keys = OFF")
            _apply(database, have)
    finally:
        database.close()


def _apply(database: Connection, have: int) -> None:
    from sqlite_utils import Database

    utils = Database(database)
    migrations = _registered()
    names = [file.stem for file in connection.migrations()]
    for number in range(have, len(names)):
        # IMMEDIATE: sqlite-utils alone would begin deferred. Within it, it uses savepoints.
        database.execute("BEGIN IMMEDIATE")
        try:
            _note_applied(migrations, utils, names[:number])
            migrations.apply(utils, stop_before=names[number + 1 :])
            database.execute(f"PRAGMA user_version = {number + 1}")
            database.execute("COMMIT")
        except BaseException:
            if database.in_transaction:
                database.execute("ROLLBACK")
            raise


def _registered() -> Migrations:
    from sqlite_utils import Migrations

    migrations = Migrations(MIGRATION_SET)
    for file in connection.migrations():
        migrations(name=file.stem)(_script(file))
    return migrations


def _script(file: Path) -> Callable[[Database], None]:
    def run(database: Database) -> None:
        database.executescript(file.read_text(encoding="utf-8"))

    run.__name__ = file.stem
    return run


def _note_applied(migrations: Migrations, database: Database, names: list[str]) -> None:
    """Record the migrations that a file had before sqlite-utils recorded them."""
    migrations.ensure_migrations_table(database)
    applied = {migration.name for migration in migrations.applied(database)}
    database.table(migrations.migrations_table).insert_all(
        {"migration_set": MIGRATION_SET, "name": name, "applied_at": ""}
        for name in names
        if name not in applied
    )
