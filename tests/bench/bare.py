"""Bare SQLite at the same no-ops: one table, the same durability, the same batches, nothing else.

The floor of row 7: what a claim and its settlement cost when there are no leases, no counters, no
phases, no outputs and no fair order of writers.
"""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

try:
    import pysqlite3 as sqlite3
except ImportError:
    import sqlite3

BATCH = 256  # worker.main.MAX_BATCH: jobs that do nothing reach it at once
BUSY_SECONDS = 60.0

SCHEMA = """
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending', settled_at REAL, UNIQUE (kind, key)
) STRICT;
CREATE INDEX jobs_to_claim ON jobs (id) WHERE state = 'pending';
"""
CLAIM = "SELECT id, kind, key FROM jobs WHERE state = 'pending' ORDER BY id LIMIT ?"
TAKE = "UPDATE jobs SET state = 'running' WHERE id BETWEEN ? AND ? AND state = 'pending'"
SETTLE = "UPDATE jobs SET state = 'done', settled_at = ? WHERE id BETWEEN ? AND ?"


def connect(path: Path) -> sqlite3.Connection:
    """Open a file as Ledger does: WAL, synchronous NORMAL."""
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


def bare_rate(folder: Path, jobs: int, workers: int) -> float:
    """Jobs a second that this many processes claim and settle."""
    folder.mkdir(parents=True)
    path = folder / "bare.db"
    with closing(connect(path)) as connection:
        connection.executescript(SCHEMA)
        rows = (("noop", f"{number:07}") for number in range(jobs))
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO jobs (kind, key) VALUES (?, ?)", rows)
        connection.execute("COMMIT")
    command = [sys.executable, __file__, str(path)]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(workers)
    ]
    for process in started:  # all have imported and connected before the first claims
        assert process.stdout is not None
        process.stdout.readline()
    began = time.perf_counter()
    for process in started:
        process.communicate(b"go\n")
    return jobs / (time.perf_counter() - began)


def work(path: Path) -> None:
    """Claim and settle until nothing is left; each settlement shares a transaction with a claim."""
    with closing(connect(path)) as connection:
        print("ready", flush=True)  # noqa: T201
        sys.stdin.readline()
        held: list[int] = []
        while True:
            connection.execute("BEGIN IMMEDIATE")
            if held:
                connection.execute(SETTLE, (time.time(), held[0], held[-1]))
            held = [row[0] for row in connection.execute(CLAIM, (BATCH,)).fetchall()]
            if held:
                connection.execute(TAKE, (held[0], held[-1]))
            connection.execute("COMMIT")
            if not held:
                return


if __name__ == "__main__":
    work(Path(sys.argv[1]))
