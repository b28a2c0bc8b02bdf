"""Slots: who is alive and which job is in hand, also after a SIGKILL."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from ledger.jobs import Job
from ledger.process import clock, worker_state
from ledger.process.worker_state import InFlight, WorkerState, in_flight, is_alive

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WORKER = """
import sys
from pathlib import Path
from ledger.jobs import Job
from ledger.process.worker_state import WorkerState

slot = WorkerState(Path(sys.argv[1]), 7)
slot.enter(Job(1, "page", "first", "", {}, 1, 3))
slot.leave()
slot.enter(Job(42, "page", "law/0042", "", {}, 1, 3))
print("ready", flush=True)
sys.stdin.read()
"""


def job(number: int = 5, key: str = "a") -> Job:
    return Job(number, "page", key, "", {}, 1, 3)


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is worker 7, with job 42 in hand after it finished one."""
    command = [sys.executable, "-c", WORKER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        yield process
        process.kill()


def test_a_live_worker_is_alive(worker: object, tmp_path: Path) -> None:
    """Who holds the slot lives, however often one asks."""
    assert [True, True, True] == [is_alive(tmp_path, 7) for _ in range(3)]


def test_a_killed_worker_is_dead_at_once(worker: subprocess.Popen[bytes], tmp_path: Path) -> None:
    """No lease need expire to know of a death."""
    worker.kill()
    worker.wait()

    assert not is_alive(tmp_path, 7)


def test_the_job_in_hand_outlives_a_kill(worker: subprocess.Popen[bytes], tmp_path: Path) -> None:
    """What was in hand when the worker was killed is known afterwards."""
    worker.kill()
    worker.wait()

    slot = in_flight(tmp_path, 7)

    assert slot is not None
    assert (42, 1, "page/law/0042") == (slot.job, slot.finished, slot.name)


def test_a_missing_slot_is_nobodys(tmp_path: Path) -> None:
    """A worker that never had a slot is neither alive nor at work."""
    assert (False, None) == (is_alive(tmp_path, 9), in_flight(tmp_path, 9))


@pytest.mark.parametrize("content", [b"", b"\0" * 100])
def test_a_slot_that_is_not_written_yet_says_nothing(tmp_path: Path, content: bytes) -> None:
    """A worker may be seen while it makes its slot."""
    (tmp_path / "7.slot").write_bytes(content)

    assert in_flight(tmp_path, 7) is None


def test_a_new_slot_is_empty(tmp_path: Path) -> None:
    """Before the first job nothing is in hand and nothing finished."""
    WorkerState(tmp_path / "deep" / "workers", 1)

    assert InFlight(0, 0.0, 0, "") == in_flight(tmp_path / "deep" / "workers", 1)


def test_between_jobs_nothing_is_in_hand(tmp_path: Path) -> None:
    """After a job the slot is empty, and has counted it."""
    slot = WorkerState(tmp_path, 1)
    for number in (5, 6):
        slot.enter(job(number))
        slot.leave()

    seen = in_flight(tmp_path, 1)

    assert seen is not None
    assert (0, 2, "") == (seen.job, seen.finished, seen.name)


def test_it_says_since_when(tmp_path: Path) -> None:
    """The job in hand is there since a time on the clock of leases."""
    before = clock.now()
    WorkerState(tmp_path, 1).enter(job())

    seen = in_flight(tmp_path, 1)

    assert seen is not None
    assert before <= seen.since <= clock.now()


@pytest.mark.parametrize("key", ["x" * 5_000, "詩" * 500, "😀" * 60])
def test_a_long_name_is_cut(tmp_path: Path, key: str) -> None:
    """A name that does not fit is shown as far as it does; the job's number is whole."""
    WorkerState(tmp_path, 1).enter(job(2**62, key))

    seen = in_flight(tmp_path, 1)

    assert seen is not None
    assert 2**62 == seen.job
    assert f"page/{key}".startswith(seen.name.rstrip("\ufffd"))


def test_a_slot_is_held_once(tmp_path: Path) -> None:
    """Nobody else can take a slot that is held."""
    held = WorkerState(tmp_path, 1)

    with pytest.raises(BlockingIOError):
        WorkerState(tmp_path, 1)

    held.leave()


def test_a_worker_that_is_only_looked_at_can_start(tmp_path: Path) -> None:
    """Asking whether a worker lives takes nothing from one that is just starting."""
    (tmp_path / "1.slot").touch()
    file = os.open(tmp_path / "1.slot", os.O_RDONLY)
    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # what is_alive holds for a moment
    threading.Timer(0.05, os.close, [file]).start()

    WorkerState(tmp_path, 1)


def test_removing_forgets(tmp_path: Path) -> None:
    """A removed slot is gone, and can be removed again."""
    WorkerState(tmp_path, 1)
    worker_state.remove(tmp_path, 1)
    worker_state.remove(tmp_path, 1)

    assert [] == [*tmp_path.iterdir()]


def test_what_a_dead_coordinator_left_is_swept(tmp_path):
    """The slots of workers that are registered and have not ended stay."""
    for worker in (1, 2, 3):
        WorkerState(tmp_path, worker)

    worker_state.sweep(tmp_path, keep=[2])

    assert ["2.slot"] == [path.name for path in tmp_path.iterdir()]
