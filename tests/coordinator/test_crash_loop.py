"""Crash loops: a run ends when no worker can start, and not because some are killed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from engines.test_engines import install

from ledger.coordinator.crash_loop import CRASH_LOOP_LIMIT, CrashLoop

if TYPE_CHECKING:
    from pathlib import Path

    from queues.conftest import Queues

# Worker 2 dies at each start, once worker 1 is at its job.
ENGINE = """
import sys
from ledger.engines import local
DIES = '''
import os, time
open('starts', 'a').write('x')
while not os.path.exists('began'):
    time.sleep(0.01)
raise SystemExit(1)
'''
def start(command):
    if command.arguments[6] == "2":
        command = command._replace(arguments=(sys.executable, "-c", DIES))
    return local.start(command)
"""
NEVER = """
import sys
from ledger.engines import local
def start(command):
    return local.start(command._replace(arguments=(sys.executable, "-c", "raise SystemExit('no')")))
"""
WAITS = """
import os, time
open("began", "w").close()
while os.path.getsize("starts") < 4:
    time.sleep(0.01)
"""


def fail(loop: CrashLoop, times: int, *, settled: int = 0, others: bool = False) -> None:
    """Let that many starts fail."""
    for _ in range(times):
        loop.add_failed_start(settled=settled, others_at_work=others, now=0.0)


def test_starts_that_fail_in_a_row_are_a_crash_loop() -> None:
    """As many times the limit as may start together, and not one less."""
    loop = CrashLoop(width=2, settled=0)
    fail(loop, 2 * CRASH_LOOP_LIMIT - 1)
    assert not loop.is_certain
    fail(loop, 1)
    assert loop.is_certain


def test_a_worker_that_gets_to_work_ends_the_count() -> None:
    """What failed before it says nothing any more."""
    loop = CrashLoop(width=1, settled=0)
    fail(loop, CRASH_LOOP_LIMIT - 1)
    loop.reset()
    fail(loop, CRASH_LOOP_LIMIT - 1)
    assert not loop.is_certain


def test_failed_starts_do_not_count_while_jobs_are_settled() -> None:
    """The count starts again whenever something was settled since the last failure."""
    loop = CrashLoop(width=1, settled=0)
    for settled in range(20):
        fail(loop, 1, settled=settled)
    assert not loop.is_certain


def test_failed_starts_do_not_count_while_others_are_at_work() -> None:
    """They are only slowed down, so that a broken start is not repeated at full speed."""
    loop = CrashLoop(width=1, settled=0)
    fail(loop, 20, others=True)
    assert not loop.is_certain
    assert loop.is_waiting(60.0)
    assert not loop.is_waiting(301.0)


def test_a_failure_to_settle_counts_whatever_the_others_do() -> None:
    """It would come again for ever."""
    loop = CrashLoop(width=1, settled=0)
    for _ in range(CRASH_LOOP_LIMIT):
        loop.add_failed_settlement()
    assert loop.is_certain


def test_a_run_goes_on_while_one_worker_is_at_work(queues: Queues, tmp_path: Path) -> None:
    """Another that dies at every start does not end it; the job is done."""
    install(tmp_path / "packages", "half", "ledger_half", ENGINE)
    queues.environment["PYTHONPATH"] = str(tmp_path / "packages")
    queues.add("x", "--", sys.executable, "-c", WAITS)

    queues.spawn(2, "--engine", "half")

    assert [*queues.states("x").values()] == ["done"]


def test_a_run_in_which_no_worker_starts_ends(queues: Queues, tmp_path: Path) -> None:
    """With what they wrote before they died."""
    install(tmp_path / "packages", "never", "ledger_never", NEVER)
    queues.environment["PYTHONPATH"] = str(tmp_path / "packages")
    queues.add("x", "--", "true")

    said = queues.spawn(2, "--engine", "never", expect=2)

    assert "workers cannot start: exit code 1" in said
    assert "no\n" in said
