"""Crash recovery: every command that meets a dead worker does the same."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest
from e2e.conftest import until

if TYPE_CHECKING:
    from queues.conftest import Queues

PAY = "echo paid >> paid.txt; while [ ! -e go ]; do sleep 0.02; done"
COST = 2_000_000_000_000


@pytest.fixture
def killed_in_mid_effect(queues: Queues) -> Queues:
    """A queue that parks effects in doubt, its coordinator and worker killed after the effect."""
    queues.add(
        "pay", "--uncertain", "park", "--cost", "2", "--budget", "5", "--",
        "sh", "-c", PAY, ":::", "a",
    )  # fmt: skip
    run = queues.start("spawn", 1, "-q")
    until((queues.root / "paid.txt").exists, "the effect")
    (worker,) = queues.sql("SELECT pid FROM workers WHERE ended_at IS NULL")[0]
    for pid in (run.pid, worker):
        os.kill(pid, signal.SIGKILL)
    run.communicate(timeout=30)
    return queues


@pytest.mark.parametrize("command", ["spawn", "doctor --fix", "init"])
def test_a_parked_effect_is_there_once(killed_in_mid_effect: Queues, command: str) -> None:
    """Whichever command finds the dead worker, the job is parked and what it reserved is spent."""
    queues = killed_in_mid_effect
    if command != "spawn":
        queues.run(
            *command.split(), expect=int("doctor" in command)
        )  # 1: a job waits for a decision
    queues.write("go", "")
    queues.spawn(expect=1)

    assert queues.read("paid.txt") == "paid\n"
    assert queues.sql("SELECT state, uncertain FROM jobs") == [("failed", 1)]
    assert queues.sql("SELECT money_spent FROM queues") == [(COST,)]
    assert "1 job is pending again" in queues.run("retry", "--uncertain")


def test_doctor_takes_back_a_lease_whose_worker_is_noted_as_ended(
    killed_in_mid_effect: Queues,
) -> None:
    """The job in flight is parked then, too."""
    queues = killed_in_mid_effect
    with queues.store(read_only=False) as store:
        store.end_worker(1, "finished")
    queues.run("doctor", "--fix", expect=1)
    queues.write("go", "")
    queues.spawn(expect=1)

    assert queues.read("paid.txt") == "paid\n"
    assert queues.sql("SELECT state, uncertain FROM jobs") == [("failed", 1)]
