"""Leases in real time: a live worker keeps its lease whatever happens to its heartbeat."""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import subprocess
import time
from pathlib import Path

import pytest
from e2e.conftest import until

from ledger.coordinator.watchdog import Watchdog
from ledger.process import clock
from ledger.project.load import load_project

LEASE = "[workers]\nlease_seconds = 1\n"
# Room for the turnstile, and none for the WAL: SQLite's writes of this process fail.
NO_ROOM = """
import resource
wait("all")
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (64, hard))
time.sleep(0.45)
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
time.sleep(2.5)
"""
BUSY = """
from ledger.store.store import Store
wait("all")
time.sleep(0.6)
with Store(context.project.ledger_path) as store:
    store.connection.execute("BEGIN IMMEDIATE")
    time.sleep(0.45)
    store.connection.execute("ROLLBACK")
time.sleep(2)
"""


def test_a_heartbeat_that_fails_once_is_no_death(trial):
    """Jobs of three leases are claimed once: a calm one, one beside SQLITE_BUSY, a disk error."""
    site = trial("abc", LEASE)
    site.more = {"LEDGER_CHAOS": "reliability.hasty"}
    site.order("a", "wait('all'); time.sleep(3)")
    site.order("b", NO_ROOM)
    site.order("c", BUSY)
    process = site.start("spawn", 3)
    until(lambda: len(site.ran()) == 3, "all three")
    site.go("all")

    site.finish(process)

    assert site.runs() == {"a": 1, "b": 1, "c": 1}
    assert (site.column("attempts"), site.outcomes()) == ("1 1 1", ["finished"] * 3)
    assert not site.log("lease lost")


def test_a_foreign_writer_evicts_nobody(trial):
    """Somebody else has SQLite's lock for two leases and a half: nobody dies, all is done once."""
    site = trial("abcdefgh", LEASE)
    for key in "abcdefgh":
        site.order(key, "time.sleep(0.2)")
    process = site.start("spawn", 2)
    until(lambda: len(site.ran()) > 2, "two at work")

    with site.store() as store:
        store.connection.execute("BEGIN IMMEDIATE")
        time.sleep(2.5)
        store.connection.execute("ROLLBACK")
    site.finish(process)

    assert site.runs() == dict.fromkeys("abcdefgh", 1)
    assert site.outcomes() == ["finished", "finished"]
    assert not site.log("lease lost")


def test_a_short_stop_is_no_death(trial):
    """A worker that is stopped for half its lease goes on with its job, the only one at it."""
    site = trial("a", LEASE)
    site.order("a", "os.kill(os.getpid(), signal.SIGSTOP)")
    process = site.start("spawn", 1)
    site.wait_for("a began")
    (worker,) = site.worker_pids()
    until(lambda: " T " in Path(f"/proc/{worker}/stat").read_text(), "the stop")

    time.sleep(0.5)
    os.kill(worker, signal.SIGCONT)
    site.finish(process)

    assert (site.runs(), site.column("attempts")) == ({"a": 1}, "1")


@pytest.fixture
def sleeper():
    """A process that has nothing to do with us, and has got the pid of a worker that had."""
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def leave_behind(site, pid, seconds):
    """What a worker leaves that died with its coordinator, a lease of so many seconds among it."""
    site.sql(
        "INSERT INTO runs (started_at, workers, keep_going, settled_before) VALUES (1, 1, 0, 0)"
    )
    site.sql("INSERT INTO workers (run, number, pid, started_at) VALUES (1, 1, ?, 1)", pid)
    site.sql("INSERT INTO leases (worker, expires) VALUES (1, ?)", clock.now() + seconds)
    site.sql("UPDATE jobs SET state = 'running', lease = 1")


def test_a_pid_is_no_proof_of_life(trial, sleeper):
    """Who does not hold his slot is dead, though his pid lives: no lease is waited for."""
    site = trial("ab")
    leave_behind(site, sleeper.pid, 1_000)

    site.run("spawn", 1)

    assert (site.column("state"), site.column("attempts")) == ("done done", "1 1")
    assert sleeper.poll() is None


def test_a_pid_is_no_reason_to_kill(trial, sleeper):
    """The watchdog kills a silent worker, never another process that was given its pid."""
    site = trial("ab")
    leave_behind(site, sleeper.pid, -1_000)
    watchdog = Watchdog(load_project(site.root))

    with site.store(read_only=True) as store:
        watchdog.look(store)
        watchdog.look(store)

    assert sleeper.poll() is None
    assert not watchdog.evicted


def test_a_writer_that_cannot_sign_in_lets_others_pass(trial):
    """The turnstile is free again when its holder cannot write who he is (a failing disk)."""
    site = trial("ab")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with site.store() as store, (site.root / ".ledger" / "write-lock").open() as turnstile:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
        try:
            with pytest.raises(OSError, match="large"), store.immediate():
                pass
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)

        fcntl.flock(turnstile, fcntl.LOCK_EX | fcntl.LOCK_NB)
