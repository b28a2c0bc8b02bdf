"""The file: opened, migrated, written to in transactions, and only read when told so."""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ledger.errors import LedgerError
from ledger.store import connection as db
from ledger.store.connection import Database, has_wal_reset_race, migrations
from ledger.store.migrations import migrate
from ledger.store.store import Store

if TYPE_CHECKING:
    from conftest import Ledger

VERSION = len(migrations())


def version(path: Path) -> int:
    """The schema version that a file says it has."""
    connection = db.sqlite3.connect(path)
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    connection.close()
    return int(found)


def set_version(path: Path, number: int) -> None:
    connection = db.sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {number}")
    connection.close()


def tree(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Every file with its inode, time and bytes; no connection may be open in this process."""
    return {
        path.name: (path.stat().st_ino, path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


def fill(path: Path) -> None:
    """Two jobs, with the columns that all versions have; one is done."""
    connection = db.sqlite3.connect(path)
    connection.executescript(
        """
        INSERT INTO jobs (kind, key, phase, fingerprint, max_attempts, state)
        VALUES ('page', 'a', 0, 'f', 3, 'pending'), ('page', 'b', 0, 'f', 3, 'done');
        """
    )
    connection.close()


def columns(path: Path) -> set[tuple[str, str, str]]:
    """(table, column, type) of everything in a file."""
    connection = db.sqlite3.connect(path)
    found = connection.execute(
        "SELECT m.name, c.name, c.type FROM sqlite_master AS m, pragma_table_xinfo(m.name) AS c"
    ).fetchall()
    connection.close()
    return set(found)


class TestMigrate:
    """Bringing a file to the current schema."""

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        """Where a ledger is to be."""
        return tmp_path / "deep" / "ledger.db"

    @pytest.fixture
    def more(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A migration after the present ones, still empty."""
        extra = tmp_path / "9999_more.sql"
        extra.touch()
        files = [*migrations(), extra]
        monkeypatch.setattr(db, "migrations", lambda: files)
        return extra

    def test_a_new_file_has_the_current_version(self, path: Path) -> None:
        """The file and its folder are created, with the version of the last migration."""
        migrate(path)

        assert VERSION == version(path)

    def test_migrating_again_changes_nothing(self, path: Path) -> None:
        """A current file is left as it is, byte for byte."""
        migrate(path)
        before = path.read_bytes()

        migrate(path)

        assert before == path.read_bytes()

    def test_only_the_missing_ones_are_applied(self, ledger: Ledger, more: Path) -> None:
        """An older file gets what is new and keeps what it has."""
        ledger.plan(2)
        ledger.store.close()
        more.write_text("CREATE TABLE more (x); UPDATE jobs SET state = 'done';")

        migrate(ledger.path)
        ledger.store = Store(ledger.path)

        assert VERSION + 1 == version(ledger.path)
        assert {"0": "done", "1": "done"} == ledger.states

    @pytest.mark.parametrize("earlier", range(1, VERSION))
    def test_every_earlier_version_becomes_the_present_one(
        self, path: Path, monkeypatch: pytest.MonkeyPatch, earlier: int
    ) -> None:
        """With what it holds, and with the same tables and columns as a new file."""
        with monkeypatch.context() as patched:
            patched.setattr(db, "migrations", lambda: migrations()[:earlier])
            migrate(path)
        fill(path)

        migrate(path)
        migrate(path.with_name("new.db"))

        assert VERSION == version(path)
        assert columns(path.with_name("new.db")) == columns(path)
        with Store(path) as store:
            assert [("page", 1, 1)] == [(c.kind, c.pending, c.done) for c in store.counts()]

    @pytest.mark.parametrize(
        "rest", ["SELECT * FROM nowhere;", "CREATE TABLE half (", "INSERT INTO more VALUES (1, 2);"]
    )
    def test_a_failing_one_leaves_nothing(self, path: Path, more: Path, rest: str) -> None:
        """A migration that breaks in the middle is undone whole; those before it stay."""
        more.write_text(f"CREATE TABLE more (x); DROP TABLE facts; {rest}")

        with pytest.raises(db.sqlite3.Error):
            migrate(path)

        assert VERSION == version(path)
        with Database.__new__(Database) as database:
            database.connection, database._write_lock = db.sqlite3.connect(path), -1
            names = {
                row[0] for row in database.connection.execute("SELECT name FROM sqlite_master")
            }
        assert ("facts" in names, "more" in names) == (True, False)

    def test_a_mended_one_applies(self, path: Path, more: Path) -> None:
        """After a failing migration is mended the file goes on from where it was."""
        more.write_text("CREATE TABLE more (x); nonsense;")
        with pytest.raises(db.sqlite3.Error):
            migrate(path)
        more.write_text("CREATE TABLE more (x);")

        migrate(path)

        assert VERSION + 1 == version(path)

    def test_a_newer_file_is_refused(self, path: Path) -> None:
        """A file from a newer program is not touched, and the way out is named."""
        migrate(path)
        set_version(path, VERSION + 1)
        before = path.read_bytes()

        with pytest.raises(LedgerError, match="pip install -U ledger"):
            migrate(path)

        assert before == path.read_bytes()

    def test_they_are_numbered_in_order(self) -> None:
        """Migration n is the file whose name begins with n."""
        assert [*range(1, VERSION + 1)] == [int(file.name[:4]) for file in migrations()]


class TestOpen:
    """Opening an existing file."""

    @pytest.mark.parametrize(
        ("number", "remedy"), [(VERSION + 1, "pip install -U ledger"), (VERSION - 1, "ledger init")]
    )
    @pytest.mark.parametrize("read_only", [False, True])
    def test_another_version_is_refused(
        self, ledger: Ledger, number: int, remedy: str, read_only: bool
    ) -> None:
        """A program and a file that do not fit do not touch each other; each has its remedy."""
        ledger.store.close()
        set_version(ledger.path, number)

        with pytest.raises(LedgerError) as caught:
            Store(ledger.path, read_only=read_only)

        assert remedy in caught.value.remedy

    def test_no_file_is_refused(self, tmp_path: Path) -> None:
        """Opening does not create a ledger."""
        with pytest.raises(LedgerError, match="ledger init"):
            Store(tmp_path / "ledger.db")

        assert [] == [*tmp_path.iterdir()]

    def test_closing_twice_is_harmless(self, ledger: Ledger) -> None:
        """A closed store can be closed again, and closes no file of somebody else's."""
        ledger.store.close()
        ledger.store.close()

    def test_sqlite_utils_sees_the_same_ledger(self, ledger: Ledger) -> None:
        """Reports can be written with sqlite-utils on the same connection."""
        ledger.plan(3)

        assert 3 == ledger.store.utils["jobs"].count

    @pytest.mark.parametrize(
        ("number", "expected"),
        [
            ("3.6.23", False), ("3.7.0", True), ("3.40.1", True), ("3.44.5", True),
            ("3.44.6", False), ("3.45.0", True), ("3.50.6", True), ("3.50.7", False),
            ("3.51.0", True), ("3.51.2", True), ("3.51.3", False), ("3.53.4", False),
        ],
    )  # fmt: skip
    def test_the_wal_is_used_where_it_is_safe(
        self, monkeypatch: pytest.MonkeyPatch, number: str, expected: bool
    ) -> None:
        """Versions that can lose a commit in WAL mode are known, and get another journal."""
        monkeypatch.setattr(db.sqlite3, "sqlite_version", number)

        assert expected == has_wal_reset_race(number)
        assert ("truncate" if expected else "wal") == db.journal_mode()

    def test_a_ledger_works_without_the_wal(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """With an affected SQLite the ledger is slower, and there is never a -wal file."""
        monkeypatch.setattr(db, "journal_mode", lambda: "truncate")
        path = tmp_path / "ledger.db"
        migrate(path)

        with Store(path) as store, Store(path, read_only=True) as reader:
            store.start_run(1, keep_going=True)
            assert reader.runs.latest() is not None
            assert not path.with_name("ledger.db-wal").exists()


class TestReadOnly:
    """Status and --dry-run write nothing at all."""

    @staticmethod
    def look(path: Path) -> int:
        """Everything that a report asks for."""
        with Store(path, read_only=True) as store:
            store.failures()
            store.runs.latest()
            store.runs.open_workers()
            store.outlook(1)
            return sum(count.total for count in store.counts())

    def test_an_idle_ledger_is_left_as_it_is(self, ledger: Ledger, tmp_path: Path) -> None:
        """Not one byte or time changes, and no -wal or -shm is left behind."""
        ledger.plan(3)
        ledger.store.close()
        before = tree(tmp_path)

        assert 3 == self.look(ledger.path)
        assert before == tree(tmp_path)
        assert {"ledger.db", "write-lock"} == {*before}

    def test_a_read_only_folder_is_enough(self, ledger: Ledger, tmp_path: Path) -> None:
        """Who may only read the project can still see how it stands."""
        ledger.plan(3)
        ledger.store.close()
        ledger.path.chmod(0o444)
        ledger.path.parent.chmod(0o555)
        try:
            assert 3 == self.look(ledger.path)
        finally:
            ledger.path.parent.chmod(0o755)

    def test_it_cannot_write(self, ledger: Ledger) -> None:
        """A reader that tries to write is refused."""
        ledger.store.close()

        with Store(ledger.path, read_only=True) as reader:
            with pytest.raises(ledger.OperationalError, match="readonly"):
                reader.runs.end_abandoned()

    def test_it_sees_what_is_being_written(self, ledger: Ledger) -> None:
        """Beside a writer a reader sees what was committed last, still in the -wal or not."""
        ledger.plan(3)

        with Store(ledger.path, read_only=True) as reader:
            ledger.plan(5)
            assert 5 == sum(count.total for count in reader.counts())

    def test_it_sees_what_a_killed_writer_committed(self, tmp_path: Path) -> None:
        """What is only in the -wal of a killed process is seen, and left where it is."""
        path = tmp_path / "ledger.db"
        migrate(path)
        code = (
            "import os, signal, sys; from pathlib import Path; from ledger.store.store import Store\n"
            "store = Store(Path(sys.argv[1])); store.start_run(7, keep_going=True)\n"
            "os.kill(os.getpid(), signal.SIGKILL)"
        )
        subprocess.run([sys.executable, "-c", code, str(path)], check=False)
        before = tree(tmp_path)

        with Store(path, read_only=True) as reader:
            run = reader.runs.latest()

        assert run is not None
        assert 7 == run.workers
        after = tree(tmp_path)
        assert {*before} == {*after}
        assert before["ledger.db"] == after["ledger.db"]
        assert before["ledger.db-wal"] == after["ledger.db-wal"]


class TestImmediate:
    """Write transactions."""

    def test_all_or_nothing(self, ledger: Ledger) -> None:
        """An exception inside undoes what was written before it."""
        before = ledger.everything()

        with pytest.raises(KeyboardInterrupt), ledger.store.immediate():
            ledger.store.runs.end_abandoned()
            raise KeyboardInterrupt

        assert before == ledger.everything()

    def test_it_locks_at_once(self, ledger: Ledger) -> None:
        """The write lock is taken before the first read, so that no upgrade can be refused."""
        other = db.sqlite3.connect(ledger.path, timeout=0, isolation_level=None)

        with (
            ledger.store.immediate(),
            pytest.raises(db.sqlite3.OperationalError, match="locked"),
        ):
            other.execute("BEGIN IMMEDIATE")

        other.execute("BEGIN IMMEDIATE")
        other.close()

    def test_writers_queue_at_the_turnstile(self, ledger: Ledger) -> None:
        """Within a transaction the turnstile is held, afterwards it is free, also after a fall."""
        file = os.open(ledger.path.with_name("write-lock"), os.O_RDWR)
        with pytest.raises(ZeroDivisionError), ledger.store.immediate():
            with pytest.raises(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            raise ZeroDivisionError
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(file)

    def test_a_full_disk_is_reported_as_such(self, ledger: Ledger) -> None:
        """When there is no room the error says so, and the store works on when there is again."""
        pages = ledger.sql("PRAGMA page_count")[0][0]
        ledger.sql(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(ledger.OperationalError, match="full"):
            ledger.plan([ledger.job(n, payload={"x": "y" * 9000}) for n in range(200)])

        ledger.sql("PRAGMA max_page_count = 4000000000")
        ledger.plan(3)

        assert 3 == len(ledger.states)

    def test_a_commit_that_fails_is_undone(self, ledger: Ledger) -> None:
        """When COMMIT itself is refused nothing is left open, and the store works on."""
        with pytest.raises(ledger.IntegrityError), ledger.store.immediate():
            ledger.sql("PRAGMA defer_foreign_keys = ON")
            ledger.sql("INSERT INTO leases (worker, expires) VALUES (99, 1.0)")

        ledger.plan(3)

        assert 3 == len(ledger.states)


def test_every_query_is_well_formed(ledger: Ledger) -> None:
    """SQLite can prepare every statement of queries.sql, and each is used somewhere."""
    root = Path(db.__file__).parents[1]
    text = "".join(path.read_text("utf-8") for path in root.rglob("*.py"))
    for name, statement in db.queries().items():
        values = dict.fromkeys(re.findall(r":(\w+)", statement))
        ledger.store.connection.execute(f"EXPLAIN {statement}", values).fetchall()
        assert f'"{name}"' in text, name
