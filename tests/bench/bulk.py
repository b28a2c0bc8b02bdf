"""`bin/bench bulk`: a queue of commands beside GNU parallel's, on the same filesystem, in turns.

Every measure has a fresh folder, and every process the same environment: a home of its own, so
that no settings of the user's count, and /bin/sh, with which parallel starts each command (ours
starts the program itself). If parallel is not installed, that is reported and nothing is measured.
"""

from __future__ import annotations

import json
import os
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from statistics import median
from typing import TYPE_CHECKING, Any

import click

from bench.machine import load, machine, versions
from bench.report import Check, Line, Outcome, Row, judge, show
from bench.site import PATIENCE, Site, command, environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CORES = os.cpu_count() or 1
WORKERS = 2
VALUES = "values"
"""The file with a value a line, which both read."""

JOBS, SECONDS = 5_000, 10.0
"""The sizes of the targets; smaller ones are not judged."""

RENDER = '#!/bin/sh\nsleep "$1"\necho "$2" > "$3"\n'
RENDERS = ("one", "two")

TRACED = '#!/bin/sh\necho "begun $1" >> trace\nsleep "$2"\necho "ended $1" >> trace\n'
TRACED_JOBS, TRACED_SECONDS = 200, 0.05
LAST_STARTS = 3
"""How often it is started after the last kill, until all is done or given up."""


@dataclass(frozen=True, slots=True)
class Setting:
    """Folder and sizes of a measurement."""

    work: Path
    jobs: int
    seconds: float
    kills: int
    rounds: int
    seed: int

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment of every process."""
        return environment(HOME=str(self.work / "home"), SHELL="/bin/sh")

    @contextmanager
    def folder(self, values: int, script: str = "") -> Iterator[Path]:
        """Make a fresh folder with the values and the script, and sync the disk before and after."""
        folder = Path(tempfile.mkdtemp(prefix="bulk-", dir=self.work))
        (folder / VALUES).write_text("".join(f"{value}\n" for value in range(1, values + 1)))
        (folder / "job.sh").write_text(script)
        os.sync()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            os.sync()

    def run(self, folder: Path, words: Sequence[str]) -> Took:
        """Run a command there to its end.

        Raises:
            RuntimeError: it did not exit with 0.
        """
        before, clock = _cpu(), time.perf_counter()
        process = _start(self, folder, words, stderr=subprocess.PIPE)
        try:
            errors = process.communicate(timeout=PATIENCE)[1]
        finally:  # also when the bench is interrupted
            _kill_session(process.pid)
        wall = time.perf_counter() - clock
        if process.returncode:
            said = errors.decode(errors="replace")[-2000:]
            raise RuntimeError(f"{shlex.join(words)} exited with {process.returncode}: {said}")
        return Took(wall, _cpu() - before)


@dataclass(frozen=True, slots=True)
class Took:
    """The cost of a command, including its child processes."""

    wall: float
    cpu: float


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _start(
    setting: Setting, folder: Path, words: Sequence[str], stderr: int = subprocess.DEVNULL
) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own, with the values at its standard input."""
    with (folder / VALUES).open("rb") as values:
        return subprocess.Popen(
            words, cwd=folder, env=setting.environment, stdin=values,
            stdout=subprocess.DEVNULL, stderr=stderr, start_new_session=True,
        )  # fmt: skip


def _add(*words: str, out: str = "", values: Sequence[str] = ("-a", VALUES)) -> list[str]:
    placed = ["--out", out] if out else []
    return [*command(), "add", "--name", "bench", *placed, *values, "--", *words]


def _spawn(workers: int) -> list[str]:
    return [*command(), "spawn", str(workers), "-q"]


def _parallel(workers: int, *words: str) -> list[str]:
    return ["parallel", "--will-cite", f"-j{workers}", "--joblog", "log", *words]


def _shown(*commands: Sequence[str]) -> str:
    """Commands as one would type them."""
    programs = {command()[0]: "ledger"}
    lines = ([programs.get(words[0], words[0]), *words[1:]] for words in commands)
    return " && ".join(shlex.join(line).replace(" --will-cite", "") for line in lines)


# -- short jobs, and one job -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Queue:
    """N runs of `true` by W workers, with Ledger and with GNU parallel."""

    setting: Setting
    jobs: int
    workers: int

    @property
    def commands(self) -> tuple[list[str], list[str], list[str]]:
        """Ours, which are two, and theirs."""
        return _add("true"), _spawn(self.workers), _parallel(self.workers, "true")

    def ours(self) -> tuple[Took, Took]:
        """Measure adding the jobs and running them.

        Raises:
            RuntimeError: a job was not done exactly once.
        """
        with self.setting.folder(self.jobs) as folder:
            add, spawn = (self.setting.run(folder, words) for words in self.commands[:2])
            tries = Site(folder).sql("SELECT count(*), count(DISTINCT job) FROM attempts")
            if tries != [(self.jobs, self.jobs)]:
                raise RuntimeError(f"tries and jobs done are {tries}, not {self.jobs}")
        return add, spawn

    def theirs(self) -> Took:
        """Measure GNU parallel on the same jobs.

        Raises:
            RuntimeError: a job was not done.
        """
        with self.setting.folder(self.jobs) as folder:
            took = self.setting.run(folder, self.commands[2])
            logged = len((folder / "log").read_text().splitlines()) - 1
            if logged != self.jobs:
                raise RuntimeError(f"parallel logged {logged} jobs, not {self.jobs}")
        return took

    def measure(self, target: float | None = None) -> Outcome:
        """Both, by turns; with no target any ratio will do."""
        pairs = [(self.ours(), self.theirs()) for _ in range(self.setting.rounds)]
        add = _middle([ours[0] for ours, _ in pairs])
        spawn = _middle([ours[1] for ours, _ in pairs])
        both = _middle([Took(a.wall + b.wall, a.cpu + b.cpu) for (a, b), _ in pairs])
        peer = _middle([theirs for _, theirs in pairs])
        return Outcome(
            f"{both.wall:.2f} s",
            f"{peer.wall:.2f} s",
            (Check("", both.wall / peer.wall, target or 0.0, at_most=target is not None),),
            (
                _shown(*self.commands[:2]),
                f"{_shown(self.commands[2])} < {VALUES}",
                f"add {add.wall:.2f} s, spawn {spawn.wall:.2f} s{self._cost(both)}",
                f"parallel {peer.wall:.2f} s{self._cost(peer)}",
            ),
            {"add": asdict(add), "spawn": asdict(spawn), "both": asdict(both),
             "parallel": asdict(peer), "walls": _walls(pairs)},
        )  # fmt: skip

    def _cost(self, took: Took) -> str:
        if self.jobs == 1:
            return f": {took.cpu:.2f} s CPU"
        wall, cpu = (seconds / self.jobs * 1000 for seconds in (took.wall, took.cpu))
        return f": a job {wall:.2f} ms, {cpu:.2f} ms CPU"


def _middle(found: Sequence[Took]) -> Took:
    return Took(median(took.wall for took in found), median(took.cpu for took in found))


def _walls(pairs: Sequence[tuple[tuple[Took, Took], Took]]) -> list[tuple[float, float, float]]:
    """Return the seconds of every round: to add, to spawn, and with parallel."""
    return [(add.wall, spawn.wall, theirs.wall) for (add, spawn), theirs in pairs]


# -- renders ---------------------------------------------------------------------------------


def renders(setting: Setting) -> Outcome:
    """Two renders by one worker and by two."""
    found = [
        [render(setting, workers) for render in (_our_render, _their_render) for workers in (1, 2)]
        for _ in range(setting.rounds)
    ]
    ours1, ours2, theirs1, theirs2 = (median(column) for column in zip(*found, strict=True))
    return Outcome(
        f"{ours1 / ours2:.3f} ×",
        f"{theirs1 / theirs2:.3f} ×",
        (Check("", ours1 / ours2, 1.95, at_most=False),),
        (
            _shown(_rendered_by_us(setting), _spawn(2)),
            _shown(_rendered_by_them(setting, 2)),
            f"one worker and two: spawn {ours1:.2f} and {ours2:.2f} s",
            f"one job at once and two: parallel {theirs1:.2f} and {theirs2:.2f} s",
        ),
        {"ours": [ours1, ours2], "parallel": [theirs1, theirs2], "walls": found},
    )


def _rendered_by_us(setting: Setting) -> list[str]:
    words = _add("sh", "job.sh", f"{setting.seconds:g}", "{}", "{out}", out="out/{}.txt", values=())
    return [*words, ":::", *RENDERS]


def _rendered_by_them(setting: Setting, workers: int) -> list[str]:
    job = ("sh", "job.sh", f"{setting.seconds:g}", "{}", "out/{}.txt")
    return [*_parallel(workers, *job), ":::", *RENDERS]


def _our_render(setting: Setting, workers: int) -> float:
    with setting.folder(0, RENDER) as folder:
        setting.run(folder, _rendered_by_us(setting))
        return _rendered(folder, setting.run(folder, _spawn(workers)))


def _their_render(setting: Setting, workers: int) -> float:
    with setting.folder(0, RENDER) as folder:
        (folder / "out").mkdir()
        return _rendered(folder, setting.run(folder, _rendered_by_them(setting, workers)))


def _rendered(folder: Path, took: Took) -> float:
    made = [(folder / "out" / f"{name}.txt").read_text().strip() for name in RENDERS]
    if made != list(RENDERS):
        raise RuntimeError(f"the renders made {made}")
    return took.wall


# -- kill -9 ---------------------------------------------------------------------------------


@dataclass(slots=True)
class Tally:
    """Counts of jobs that were begun again, ended again, or never ended."""

    kills: int = 0
    again: int = 0
    twice: int = 0
    lost: int = 0

    def __str__(self) -> str:
        return f"{self.again} begun again, {self.twice} done twice, {self.lost} lost"


JOB = ("sh", "job.sh", "{}", f"{TRACED_SECONDS:g}")
KILLED = {
    "ours": ((_add(*JOB),), _spawn(WORKERS)),
    "parallel --resume-failed": ((), _parallel(WORKERS, "--resume-failed", *JOB)),
    "parallel --resume": ((), _parallel(WORKERS, "--resume", *JOB)),
}
"""What is run once, and what is started again after every kill."""


def kills(setting: Setting) -> Outcome:
    """Kill everything several times, each time in the midst of it, and count what was done.

    Raises:
        RuntimeError: one of them ended before it could be killed, in every round.
    """
    found: dict[str, list[Tally]] = {name: [] for name in KILLED}
    for number in range(setting.rounds):
        for name in KILLED:  # the same moments for all
            found[name].append(_killed(setting, name, Random(setting.seed + number)))
    sums = {name: _sum(tallies) for name, tallies in found.items()}
    if not all(tally.kills for tally in sums.values()):
        raise RuntimeError(f"not all could be killed: {sums}")
    given = ", ".join(f"{name} {tally.kills}" for name, tally in sums.items())
    most = max(tally.again / max(1, tally.kills) for tally in found["ours"])
    return Outcome(
        str(sums["ours"]),
        "\n".join(f"{name[9:]}: {sums[name]}" for name in list(KILLED)[1:]),
        (
            Check("lost", sums["ours"].lost, 0, "jobs"),
            Check("again a kill", most, WORKERS, ""),
        ),
        (
            *(_shown(*once, again) for once, again in KILLED.values()),
            f"{TRACED_JOBS} jobs in each of {setting.rounds} rounds; kills in the midst: {given}",
        ),
        {name: [asdict(tally) for tally in tallies] for name, tallies in found.items()},
    )


def _sum(tallies: Sequence[Tally]) -> Tally:
    rows = [(tally.kills, tally.again, tally.twice, tally.lost) for tally in tallies]
    return Tally(*(sum(column) for column in zip(*rows, strict=True)))


def _killed(setting: Setting, name: str, random: Random) -> Tally:
    """One of them, killed as often as it can be."""
    once, again = KILLED[name]
    # so that all kills together come before the jobs are done
    longest = TRACED_JOBS * TRACED_SECONDS / WORKERS / (setting.kills + 1)
    with setting.folder(TRACED_JOBS, TRACED) as folder:
        for words in once:
            setting.run(folder, words)
        waits = [random.uniform(0, longest) for _ in range(setting.kills)]
        count = sum(_kill_once(setting, folder, again, wait) for wait in waits)
        for _ in range(LAST_STARTS):
            with suppress(RuntimeError):  # what was not done is counted
                setting.run(folder, again)
                break
        return _tally(count, (folder / "trace").read_text().splitlines())


def _kill_once(setting: Setting, folder: Path, words: Sequence[str], wait: float) -> bool:
    """Start it and kill it some time after its first job began; false if it ended before that."""
    trace = folder / "trace"
    before = _size(trace)
    process = _start(setting, folder, words)
    try:
        while _size(trace) == before and process.poll() is None:
            time.sleep(0.001)
        time.sleep(wait)
    finally:
        alive = process.poll() is None
        _kill_session(process.pid)
        process.wait()
    return alive


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _tally(count: int, lines: Sequence[str]) -> Tally:
    begun = Counter(line[6:] for line in lines if line.startswith("begun "))
    ended = Counter(line[6:] for line in lines if line.startswith("ended "))
    return Tally(
        kills=count,
        again=begun.total() - len(begun),
        twice=ended.total() - len(ended),
        lost=TRACED_JOBS - len(ended),
    )


def _kill_session(session: int) -> None:
    """Kill all of a session at once: they are stopped before, so that none sees another die."""
    stopped: set[int] = set()
    while new := _members(session) - stopped:
        _send(new, signal.SIGSTOP)
        stopped |= new
    while left := _members(session):
        _send(left, signal.SIGKILL)
        time.sleep(0.001)


def _send(pids: set[int], number: int) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _members(session: int) -> set[int]:
    """The living of a session; jobs have process groups of their own, and stay in it."""
    found = set()
    for entry in os.scandir("/proc"):
        if not entry.name.isdecimal():
            continue
        try:
            facts = Path(entry.path, "stat").read_text(errors="replace").rpartition(")")[2].split()
        except OSError:  # gone by now
            continue
        if int(facts[3]) == session and facts[0] not in "ZX":
            found.add(int(entry.name))
    return found


# -- the table -------------------------------------------------------------------------------


def _rows(setting: Setting) -> list[Row]:
    short = f"{setting.jobs:,} × `true`, "
    peer = "GNU parallel"
    return [
        Row(1, f"{short}{WORKERS} workers", peer, "≤ 1 ×",
            lambda _: Queue(setting, setting.jobs, WORKERS).measure(1.0)),
        Row(2, f"{short}as many as cores, {CORES}", peer, "≤ 1 ×",
            lambda _: Queue(setting, setting.jobs, CORES).measure(1.0)),
        Row(3, f"2 renders of {setting.seconds:g} s, 1 → 2 workers", peer, "≥ 1.95 ×",
            lambda _: renders(setting)),
        Row(4, f"kill -9 of everything, {setting.kills} ×", peer,
            f"none lost, again ≤ {WORKERS} a kill", lambda _: kills(setting)),
        Row(5, "start-up: one job", peer, "none",
            lambda _: Queue(setting, 1, WORKERS).measure()),
    ]  # fmt: skip


def _verdict(row: Row, setting: Setting, outcome: Outcome) -> str:
    if row.number == 5:
        return "for information"
    small = setting.jobs < JOBS if row.number < 3 else row.number == 3 and setting.seconds < SECONDS
    return judge(outcome, judged=not small)


def _measure(row: Row, setting: Setting) -> Line:
    """One row, whatever comes of it."""
    line = Line(row, None, "", load=load())
    if row.number == 2 and CORES == WORKERS:
        line.verdict = "skipped: row 1 has as many"
        return line
    started = time.perf_counter()
    try:
        line.outcome = row.measure(None)  # type: ignore[arg-type]  # it has the setting already
        line.verdict = _verdict(row, setting, line.outcome)
    except Exception as error:  # noqa: BLE001  a row that fails is a line of the table
        traceback.print_exc()
        line.verdict = f"crashed: {type(error).__name__}: {error}".splitlines()[0]
    line.seconds = time.perf_counter() - started
    return line


def _parallel_version() -> str:
    """Return the version of GNU parallel, or ""; moreutils has another program of that name."""
    if not shutil.which("parallel"):
        return ""
    asked = subprocess.run(
        ["parallel", "--version"], capture_output=True, text=True, check=False, timeout=60
    )
    first = asked.stdout.partition("\n")[0]
    return first.removeprefix("GNU parallel ") if first.startswith("GNU parallel") else ""


def _facts(setting: Setting, parallel: str) -> dict[str, Any]:
    sizes = {
        name: getattr(setting, name) for name in ("jobs", "seconds", "kills", "rounds", "seed")
    }
    return {
        "command": shlex.join(["bin/bench", "bulk", *sys.argv[1:]]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "sizes": sizes,
        "machine": machine(setting.work),
        "versions": {**versions(), "parallel": parallel},
    }


@click.command()
@click.argument("rows", nargs=-1, type=click.IntRange(1, 5))
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True)
@click.option("--jobs", type=click.IntRange(min=1), default=JOBS, show_default=True,
              help="Rows 1 and 2.")  # fmt: skip
@click.option("--seconds", type=float, default=SECONDS, show_default=True, help="Row 3: a render.")
@click.option("--kills", "count", type=click.IntRange(min=1), default=5, show_default=True,
              help="Row 4.")  # fmt: skip
@click.option("--seed", default=1, show_default=True, help="Row 4: of the moments of the kills.")
@click.option("--json", "target", type=click.Path(path_type=Path), help="Write the figures there.")
@click.option("--work", type=click.Path(path_type=Path), help="Work below this folder.")
def main(rows: tuple[int, ...], *, rounds: int, jobs: int, seconds: float, count: int, seed: int,
         target: Path | None, work: Path | None) -> None:  # fmt: skip
    """Queues beside GNU parallel's: the ROWS of the table, or all; exits with 1 if one crashes, or misses its target."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the work folder goes too
    parallel = _parallel_version()
    if not parallel:
        click.echo("there is no GNU parallel here; on Debian: apt install parallel", err=True)
        sys.exit(2)
    if work:
        work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="ledger-bench-", dir=work) as folder:
        setting = Setting(Path(folder).resolve(), jobs, seconds, count, rounds, seed)
        (setting.work / "home").mkdir()
        facts = _facts(setting, parallel)
        for name, value in facts.items():
            click.echo(f"{name}: {json.dumps(value)}")
        lines = []
        for row in _rows(setting):
            if not rows or row.number in rows:
                lines.append(_measure(row, setting))
                click.echo(f"row {row.number}: {lines[-1].brief}", err=True)
    show(lines)
    if target:
        record = {**facts, "rows": [line.as_dict() for line in lines]}
        target.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", "utf-8")
    sys.exit(any(line.verdict.startswith(("crashed", "missed")) for line in lines))


if __name__ == "__main__":
    main()
