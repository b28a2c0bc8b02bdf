"""The clock of leases: one for all processes of a boot, and deaf to the wall clock."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from ledger.process import clock


def elsewhere(expression: str) -> str:
    """What another process says."""
    code = f"from ledger.process import clock; print({expression})"
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_all_processes_share_it() -> None:
    """Another process reads a time between two readings of this one."""
    before = clock.now()
    theirs = float(elsewhere("clock.now()"))

    assert before <= theirs <= clock.now()


@pytest.mark.parametrize("step", [-3_600, 3_600])
def test_a_step_of_the_wall_clock_does_not_move_it(
    monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """An hour more or less on the wall is nothing to a lease."""
    before, wall = clock.now(), time.time()
    monkeypatch.setattr(time, "time", lambda: wall + step)

    assert wall + step == clock.wall()
    assert 0 <= clock.now() - before < 60


def test_all_processes_name_the_same_boot() -> None:
    """A boot has one name, which is not empty."""
    assert clock.boot_id()
    assert clock.boot_id() == elsewhere("clock.boot_id()")


def test_an_unknown_system_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where boots cannot be told apart nothing is made up."""
    monkeypatch.setattr(sys, "platform", "plan9")
    monkeypatch.setattr(Path, "exists", lambda _: False)

    with pytest.raises(OSError, match="plan9"):
        clock.boot_id.__wrapped__()
