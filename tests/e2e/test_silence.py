"""Workers that are stopped and do not respond: ended, and their jobs done by others."""

from __future__ import annotations

import os
import signal

import pytest
from e2e.conftest import until

STOP_ONCE = '''"""Stops the first process that gets to a point."""

import os
import signal
from pathlib import Path

from ledger.process.fault_points import Point

WHERE = Point[os.environ["STOP_AT"]]


def reached(point):
    if point is not WHERE:
        return
    try:
        Path("stopped").touch(exist_ok=False)
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGSTOP)
'''
LEASE = "[workers]\nlease_seconds = 1\n"


@pytest.mark.parametrize("point", ["JOB_IN_FLIGHT", "SETTLE_WRITTEN", "CLAIM_WRITTEN"])
def test_a_stopped_worker_is_ended_and_its_work_done(new_site, monkeypatch, point):
    """A stopped worker is ended and its jobs done, even if it blocks all writers."""
    site = new_site(6, LEASE)
    (site.root / "stop_once.py").write_text(STOP_ONCE, "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(site.root))
    monkeypatch.setenv("LEDGER_CHAOS", "stop_once")
    monkeypatch.setenv("STOP_AT", point)

    site.run("spawn", 2)

    assert (site.root / "stopped").exists()
    status = site.status()
    assert (status["pending"], status["failed"]) == (0, 0)


def test_an_orphan_that_dies_later_keeps_nothing(new_site, monkeypatch):
    """The job of an orphaned worker that dies later is requeued long before its lease ends."""
    site = new_site(6, LEASE.replace("1", "600"))
    (site.root / "stop_once.py").write_text(STOP_ONCE, "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(site.root))
    monkeypatch.setenv("LEDGER_CHAOS", "stop_once")
    monkeypatch.setenv("STOP_AT", "JOB_IN_FLIGHT")
    first = site.start("spawn", 1)
    until((site.root / "stopped").exists, "a worker that stands still")
    (orphan,) = site.worker_pids()
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()

    second = site.start("spawn", 1)
    until(lambda: len(site.worker_pids()) == 2, "the worker of the next run")
    os.kill(orphan, signal.SIGKILL)

    second.communicate(timeout=30)
    assert second.returncode == 0
    assert site.status()["pending"] == 0
