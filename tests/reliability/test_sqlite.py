"""What a queue in SQLite must never do, looked for in the source; and the WAL beside readers."""

from __future__ import annotations

import ast
import time
from functools import cache
from pathlib import Path

from e2e.conftest import until

from ledger.store.connection import queries
from ledger.store.plan import set_fact

HOME = Path(__file__).resolve().parents[2]
SOURCES = sorted([*HOME.glob("ledger/**/*.py"), *HOME.glob("worker/**/*.py")])
WAL_BYTES = 17 << 20  # the limit that Ledger sets it, and a little
SPEAK_SQL = {"connection.py", "migrations.py"}
SQL = {"SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER", "BEGIN", "PRAGMA"}
OPENS = {
    "open",
    "read_bytes",
    "read_text",
    "write_bytes",
    "write_text",
    "copyfile",
    "copy",
    "copy2",
}


def names(node: ast.AST) -> set[str]:
    """Every name, attribute and string in it."""
    found = set()
    for part in ast.walk(node):
        found |= {getattr(part, "id", None), getattr(part, "attr", None)}
        found |= {part.value} if isinstance(part, ast.Constant) else set()
    return {name for name in found if isinstance(name, str)}


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def calls(path: Path, wanted: set[str]) -> list[ast.Call]:
    """The calls of functions or methods of these names."""
    return [
        node
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call)
        and (getattr(node.func, "id", None) or getattr(node.func, "attr", None)) in wanted
    ]


def at_runtime(node: ast.AST):
    """Yield a node and those below it that run: imports for type checkers do not."""
    yield node
    if isinstance(node, ast.If) and isinstance(node.test, ast.Name):
        below = node.orelse if node.test.id == "TYPE_CHECKING" else node.body + node.orelse
    else:
        below = ast.iter_child_nodes(node)
    for child in below:
        yield from at_runtime(child)


def where(path: Path, node: ast.AST) -> str:
    return f"{path.relative_to(HOME)}:{node.lineno}"


def test_one_module_speaks_to_sqlite():
    """A driver is imported, and a connection made, in store/connection.py alone."""
    for path in SOURCES:
        nodes = [*at_runtime(parsed(path))]
        imported = {
            alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names
        } | {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
        drivers = {name for name in imported if name in {"sqlite3", "pysqlite3", "apsw"}}
        assert not drivers or path.name == "connection.py", path
        made = [call for call in calls(path, {"connect"}) if "sqlite3" in names(call.func)]
        assert not made or path.name == "connection.py", path


def test_nobody_opens_the_files_of_the_ledger_by_hand():
    """Closing such a handle would drop SQLite's locks: not to read, copy or hash it either."""
    for path in SOURCES:
        for call in calls(path, OPENS):
            said = names(call)
            assert "ledger_path" not in said, where(path, call)
            by_name = {name for name in said if name.endswith((".db", "-wal", "-shm"))}
            assert not by_name, where(path, call)


def test_there_is_no_sql_outside_of_its_files():
    """Statements are in queries.sql and migrations; two modules open, lock and migrate the file."""
    for path in SOURCES:
        for call in calls(path, {"execute", "executemany", "executescript"}):
            is_method = isinstance(call.func, ast.Attribute)  # worker.execute.execute is none
            assert not is_method or path.name in SPEAK_SQL, where(path, call)
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                first, _, rest = node.value.strip().partition(" ")
                assert not (first in SQL and rest) or path.name in SPEAK_SQL, where(path, node)


def test_statements_are_named_in_the_store_alone():
    """Other modules call its typed methods; none of them runs a statement by its name."""
    statements = queries()
    for path in SOURCES:
        if path.parent != HOME / "ledger" / "store":
            for call in calls(path, {"rows", "read", "stream", "value", "run", "run_many"}):
                strings = {word.value for word in call.args if isinstance(word, ast.Constant)}
                assert not strings & statements.keys(), where(path, call)


def test_nobody_forks():
    """A child with a copy of an open connection can corrupt the file; workers are new programs."""
    for path in SOURCES:
        assert not calls(path, {"fork", "forkpty", "Pool", "ProcessPoolExecutor"}), path
        for call in calls(path, {"Popen", "run"}):
            assert "preexec_fn" not in {word.arg for word in call.keywords}, where(path, call)
        assert "import multiprocessing" not in path.read_text("utf-8"), path


def test_nobody_spins():
    """The write lock is waited for, never tried again and again: one BEGIN, no busy time of zero."""
    text = (HOME / "ledger" / "store" / "connection.py").read_text("utf-8")

    assert text.count('"BEGIN IMMEDIATE"') == 1
    assert "BEGIN DEFERRED" not in text
    for path in SOURCES:
        for call in calls(path, {"connect"}):
            if "sqlite3" in names(call.func):
                (wait,) = [word.value for word in call.keywords if word.arg == "timeout"]
                assert ast.unparse(wait) == "BUSY_SECONDS", where(path, call)


# -- the WAL ----------------------------------------------------------------------------------


def write_megabytes(store, count):
    """That much, a megabyte a transaction; what is the same already would not be written."""
    for number in range(count):
        with store.immediate():
            set_fact(store, f"bulk{number % 4}", f"{time.time()} " * 50_000)


def wal(site):
    return (site.root / ".ledger" / "ledger.db-wal").stat().st_size


def test_the_wal_shrinks_when_a_long_reader_has_gone(trial):
    """While one looks at an old state the WAL grows; then it is cut back to its limit."""
    site = trial("a")
    with site.store() as store, site.store(read_only=True) as reader:
        reader.connection.execute("BEGIN")
        reader.counts()
        write_megabytes(store, 24)
        assert wal(site) > WAL_BYTES

        reader.connection.execute("COMMIT")
        write_megabytes(store, 3)

        assert wal(site) <= WAL_BYTES


def test_watching_holds_nothing_up(trial):
    """`status --watch` lets go of the ledger after every look, and the WAL stays small."""
    site = trial("a")
    with site.store() as store:
        write_megabytes(store, 1)
        watch = site.start("status", "--watch")
        assert watch.stdout.readline()
        until(lambda: not ledger_handles(watch.pid), "the end of the look")
        write_megabytes(store, 24)

        assert wal(site) <= WAL_BYTES
    assert watch.poll() is None
    watch.send_signal(2)
    site.finish(watch)


def ledger_handles(pid):
    """The handles that a process has on the files of the ledger."""
    targets = [str(handle.readlink()) for handle in Path(f"/proc/{pid}/fd").iterdir()]
    return [target for target in targets if "ledger.db" in target]
