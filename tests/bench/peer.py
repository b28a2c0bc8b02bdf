"""huey's SqliteHuey at the same no-ops: its own consumer, its own processes, its own settings."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench.site import environment

if TYPE_CHECKING:
    from collections.abc import Callable

MODULE = '''"""A task that does nothing."""

import json
import os

from huey import SqliteHuey

huey = SqliteHuey(filename=os.environ["BENCH_HUEY"], fsync=json.loads(os.environ["BENCH_FSYNC"]))


@huey.task()
def noop():
    pass
'''
ENQUEUE = "import sys, bench_huey; [bench_huey.noop() for _ in range(int(sys.argv[1]))]"
PATIENCE = 300.0


def huey_rate(folder: Path, jobs: int, workers: int, *, fsync: str = "null") -> float:
    """Jobs a second, from the first that is taken to the last."""
    folder.mkdir(parents=True)
    (folder / "bench_huey.py").write_text(MODULE, "utf-8")
    path = folder / "huey.db"
    variables = environment(PYTHONPATH=str(folder), BENCH_HUEY=str(path), BENCH_FSYNC=fsync)
    subprocess.run([sys.executable, "-c", ENQUEUE, str(jobs)], env=variables, check=True)
    consumer = Path(sys.executable).with_name("huey_consumer")
    command = [str(consumer), "bench_huey.huey", "-k", "process", "-w", str(workers), "-n", "-q"]
    os.sync()  # it waits for the disk at every commit, and should wait for its own writes only
    process = subprocess.Popen(
        command, env=variables, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        return jobs / _drain_seconds(path, jobs)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _drain_seconds(path: Path, jobs: int) -> float:
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=60)

    def left() -> int:
        return int(connection.execute("SELECT count(*) FROM task").fetchone()[0])

    try:
        started = _when(lambda: left() < jobs)
        return _when(lambda: left() == 0) - started
    finally:
        connection.close()


def _when(condition: Callable[[], bool]) -> float:
    """The time at which it comes true, to a few milliseconds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("huey did not get through its tasks")
        time.sleep(0.005)
    return time.monotonic()
