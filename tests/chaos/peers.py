"""The same storm for Ledger and its peers: kill a random worker again and again, then count.

`python -m chaos.peers [--jobs N] [--seconds S] [--seed N]`, from tests/. A job notes its start,
waits, notes its effect, waits, notes its end. Peers run as their own documentation shows, with
four workers; one that dies is started again, as a supervisor would. After the storm everything
gets time to finish, and what the peer offers for recovery is done once.
"""

from __future__ import annotations

import os
import random
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import click
from bench.site import Site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WORKERS = 4
WAIT = 0.008

JOB = f'''"""A job that notes what it does in a file of its process."""

import os
import sys
import time


def note(job, what):
    file = os.open(f"notes/{{os.getpid()}}", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.write(file, f"{{job}} {{what}} {{time.monotonic()}}\\n".encode())
    os.close(file)


def run(job):
    note(job, "start")
    time.sleep({WAIT})
    note(job, "effect")
    time.sleep({WAIT})
    note(job, "end")


if __name__ == "__main__":
    run(sys.argv[1])
'''

HUEY = """from huey import SqliteHuey
import job

huey = SqliteHuey(filename="huey.db")


@huey.task()
def work(number):
    job.run(number)
"""

LITEQUEUE = """import sys, time
from litequeue import LiteQueue
import job

queue = LiteQueue("lite.db")
if sys.argv[1:] == ["fill"]:
    for number in range(int(sys.stdin.read())):
        queue.put(str(number))
elif sys.argv[1:] == ["recover"]:
    for message in list(queue.list_locked(threshold_seconds=0)):
        queue.retry(message.message_id)
else:
    while True:
        message = queue.pop()
        if message is None:
            time.sleep(0.05)
            continue
        job.run(message.data)
        queue.done(message.message_id)
"""

PERSIST = """import sys
from persistqueue import SQLiteAckQueue
import job

queue = SQLiteAckQueue("persist", multithreading=True)
if sys.argv[1:] == ["fill"]:
    for number in range(int(sys.stdin.read())):
        queue.put(number)
else:
    while True:
        number = queue.get()
        job.run(number)
        queue.ack(number)
"""

KIND = """import json
import job
from ledger.jobs import Planned

needs = ()
sites = ("storm",)
effects = True


def plan(plan):
    for number in range(json.loads((plan.project.root / "jobs.json").read_text())):
        yield Planned(str(number), "1")


def run(work, context):
    job.run(work.key)
    return ()
"""

LEDGER = {
    "storm_kinds/__init__.py": "",
    "storm_kinds/storm.py": KIND,
    "storm_kinds-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: storm-kinds\nVersion: 1\n",
    "storm_kinds-1.dist-info/entry_points.txt": "[ledger.kinds]\nstorm = storm_kinds.storm\n",
    "ledger.toml": '[site]\nkind = "storm"\n[workers]\nmax_attempts = 1000\n',
    "poems.json": '{"poems": [{"id": 1, "category": "a", "content": "b"}]}',
}


class System:
    """One of them, in its folder: filled, started, struck, brought to an end."""

    def __init__(self, folder: Path, python: str, jobs: int) -> None:
        self.folder, self.python, self.jobs = folder, python, jobs
        self.processes: list[subprocess.Popen[bytes]] = []
        (folder / "notes").mkdir(parents=True)
        (folder / "job.py").write_text(JOB, "utf-8")

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a process of it."""
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        variables = {**os.environ, "PYTHONPATH": str(self.folder)}
        process = subprocess.Popen(
            command, cwd=self.folder, env=variables, start_new_session=True, **quiet
        )
        self.processes.append(process)
        return process

    def do(self, *command: str, given: str = "") -> None:
        """Run a command of it to its end."""
        variables = {**os.environ, "PYTHONPATH": str(self.folder)}
        subprocess.run(
            command, cwd=self.folder, env=variables, input=given.encode(), check=False,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=600,
        )  # fmt: skip

    def begin(self) -> None:
        """Fill it and start it."""

    def tend(self) -> None:
        """Start again what a supervisor would."""

    def victims(self) -> list[int]:
        """The processes that do jobs."""
        return [pid for process in self.processes for pid in children(process.pid)]

    def finish(self) -> None:
        """Let it come to its end, with what it has for recovery."""
        self.settle()

    def settle(self) -> None:
        """Wait until no job has been noted for three seconds."""
        last, since = -1, time.monotonic()
        while time.monotonic() - since < 3:
            self.tend()
            count = sum(file.stat().st_size for file in (self.folder / "notes").iterdir())
            if count != last:
                last, since = count, time.monotonic()
            time.sleep(0.05)

    def stop(self) -> None:
        """Kill what is left."""
        for process in self.processes:
            for pid in [*children(process.pid), process.pid]:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.wait()


class Scripts(System):
    """A library without a supervisor: four processes of a script, started again when they die."""

    name, script = "", ""

    def begin(self) -> None:
        """See System."""
        (self.folder / "worker.py").write_text(self.script, "utf-8")
        self.do(self.python, "worker.py", "fill", given=str(self.jobs))
        self.tend()

    def tend(self) -> None:
        """See System."""
        self.processes = [one for one in self.processes if one.poll() is None]
        while len(self.processes) < WORKERS:
            self.start(self.python, "worker.py")

    def victims(self) -> list[int]:
        """See System."""
        return [process.pid for process in self.processes]


class LiteQueue(Scripts):
    """litequeue: jobs locked by dead workers are requeued by hand, after the storm."""

    name, script = "litequeue, then retry() of all locked", LITEQUEUE

    def finish(self) -> None:
        """See System."""
        self.settle()
        self.do(self.python, "worker.py", "recover")
        self.settle()


class PersistQueue(Scripts):
    """persist-queue, as it comes: it resumes what was not acknowledged at every start."""

    name, script = "persist-queue", PERSIST


class Huey(System):
    """huey: its own consumer with processes, which starts the dead again by itself."""

    name = "huey"

    def begin(self) -> None:
        """See System."""
        (self.folder / "tasks.py").write_text(HUEY, "utf-8")
        fill = f"import tasks; [tasks.work(n) for n in range({self.jobs})]"
        self.do(self.python, "-c", fill)
        consumer = str(Path(self.python).with_name("huey_consumer"))
        self.start(consumer, "tasks.huey", "-k", "process", "-w", str(WORKERS), "-q")


class Parallel(System):
    """GNU parallel: it starts a process a job; after the storm it is run again with --resume."""

    name = "GNU parallel --resume"
    again = ("--resume",)

    def _run(self, *more: str) -> subprocess.Popen[bytes]:
        numbers = map(str, range(self.jobs))
        return self.start(
            "parallel",
            f"-j{WORKERS}",
            "--joblog",
            "log",
            *more,
            self.python,
            "job.py",
            ":::",
            *numbers,
        )

    def begin(self) -> None:
        """See System."""
        self._run()

    def finish(self) -> None:
        """See System."""
        self.processes[0].wait()
        self._run(*self.again).wait()


class ParallelFailed(Parallel):
    """The same, run again with --resume-failed."""

    name = "GNU parallel --resume-failed"
    again = ("--resume-failed",)


class Ledger(System):
    """Ledger: one `ledger spawn`, called again if it gave up."""

    name = "ledger"

    def begin(self) -> None:
        """See System."""
        for name, text in LEDGER.items():
            path = self.folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, "utf-8")
        (self.folder / "jobs.json").write_text(str(self.jobs), "utf-8")
        Site(self.folder, {**os.environ, "PYTHONPATH": str(self.folder)}).ledger("init")
        self._run()

    def _run(self) -> None:
        self.start(sys.executable, "-m", "ledger", "spawn", str(WORKERS), "--quiet")

    def tend(self) -> None:
        """See System."""
        if self.processes[-1].poll() not in (None, 0):
            self._run()

    def finish(self) -> None:
        """See System."""
        while self.processes[-1].wait() != 0:
            self._run()


SYSTEMS = (Ledger, Huey, LiteQueue, PersistQueue, Parallel, ParallelFailed)


def children(pid: int) -> list[int]:
    """The living child processes of a process."""
    try:
        return [int(c) for c in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def storm(system: System, draw: random.Random, seconds: float) -> int:
    """Kill a random worker every 100 to 500 ms; returns how many were killed."""
    kills, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(draw.uniform(0.1, 0.5))
        system.tend()
        victims = system.victims()
        if victims:
            with suppress(ProcessLookupError):
                os.kill(draw.choice(victims), signal.SIGKILL)
                kills += 1
    return kills


def counted(folder: Path, jobs: int) -> tuple[int, int, int]:
    """Return (jobs without an effect, effects beyond the first, jobs in flight twice at once)."""
    effects: Counter[str] = Counter()
    spans: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for file in (folder / "notes").iterdir():
        opened: dict[str, float] = {}
        last = 0.0
        for job, what, at in map(str.split, file.read_text("utf-8").splitlines()):
            last = float(at)
            effects[job] += what == "effect"
            if what == "start":
                opened[job] = last
            elif what == "end":
                spans[job].append((opened.pop(job), last))
        for job, begun in opened.items():  # killed: alive at least until its last note
            spans[job].append((begun, last))
    lost = sum(effects[str(number)] == 0 for number in range(jobs))
    extra = sum(max(0, count - 1) for count in effects.values())
    return lost, extra, sum(_overlap(sorted(times)) for times in spans.values())


def _overlap(times: list[tuple[float, float]]) -> bool:
    return any(later[0] < earlier[1] for earlier, later in pairwise(times))


def blow(
    kind: Callable[..., System], folder: Path, python: str, jobs: int, seed: int, seconds: float
) -> Iterator[str]:
    """One system through the storm; its row."""
    system = kind(folder, python, jobs)
    try:
        system.begin()
        kills = storm(system, random.Random(seed), seconds)
        system.finish()
    finally:
        system.stop()
    lost, extra, twice = counted(folder, jobs)
    yield f"| {system.name} | {kills} | {lost} | {extra} | {twice} |"


@click.command()
@click.option("--jobs", default=4000, show_default=True)
@click.option("--seconds", default=15.0, show_default=True, help="How long the storm lasts.")
@click.option("--seed", type=int, help="Draw the same kills again.")
@click.option(
    "--python", default=sys.executable, help="One that has huey, litequeue and persist-queue."
)
def main(jobs: int, seconds: float, seed: int | None, python: str) -> None:
    """The same storm for Ledger and its peers; prints a table."""
    seed = secrets.randbelow(10**6) if seed is None else seed
    click.echo(
        f"seed {seed}; {jobs:,} jobs of {2 * WAIT * 1e3:.0f} ms, {WORKERS} workers, {seconds:g} s of kills\n"
    )
    click.echo("| | kills | lost | extra effects | two at once |\n|---|---|---|---|---|")
    work = Path(tempfile.mkdtemp(prefix="ledger-peers-"))
    try:
        for number, kind in enumerate(SYSTEMS):
            for row in blow(kind, work / str(number), python, jobs, seed, seconds):
                click.echo(row)
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
