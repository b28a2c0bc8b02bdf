"""A project folder that a bench builds with the real command, and figures from its ledger."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.timing import seconds
from ledger.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# set for the bench's own NumPy, or by people who develop; no user of the command has them
NOT_THE_USERS = ("PYTHONDONTWRITEBYTECODE", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS",
                 "MKL_NUM_THREADS", "PYTHONPATH")  # fmt: skip


PATIENCE = 1200.0  # the longest of them, row 13, should take 900


def end(process: subprocess.Popen[str], patience: float) -> str:
    """Wait for a process to end; return its standard error.

    Raises:
        RuntimeError: it did not end, and was killed.
    """
    try:
        return process.communicate(timeout=patience)[1]
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"killed, since it hung for {patience:g} s: {process.args!r}") from None
    finally:
        if process.poll() is None:  # also when the bench itself is interrupted
            process.kill()
            process.communicate()


def environment(**more: str) -> dict[str, str]:
    """The environment that a user's shell would have."""
    return {key: text for key, text in os.environ.items() if key not in NOT_THE_USERS} | more


def command() -> list[str]:
    """The command `ledger` as it is installed."""
    script = Path(sys.executable).with_name("ledger")
    return [str(script)] if script.is_file() else [sys.executable, "-m", "ledger"]


@dataclass(frozen=True, slots=True)
class Site:
    """A project folder."""

    root: Path
    environment: dict[str, str] = field(default_factory=environment)

    def ledger(self, *arguments: object) -> float:
        """Run `ledger ARGUMENTS` to its end; returns the seconds that took.

        Raises:
            RuntimeError: it did not exit with 0.
        """
        return seconds(lambda: self._run(*arguments))

    def _run(self, *arguments: object) -> None:
        process = self.start(*arguments)
        errors = end(process, PATIENCE)
        if process.returncode:
            raise RuntimeError(f"ledger {arguments} exited with {process.returncode}:\n{errors}")

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        """Start `ledger ARGUMENTS`."""
        return subprocess.Popen(
            [*command(), *map(str, arguments)],
            cwd=self.root,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def build(self, workers: int, *options: object) -> float:
        """Spawn, with nothing of earlier builds still on its way to the disk."""
        os.sync()
        return self.ledger("spawn", workers, "--quiet", *options)

    def sql(self, text: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows of a statement."""
        with Store(self.root / ".ledger" / "ledger.db", read_only=True) as store:
            return [tuple(row) for row in store.connection.execute(text, values).fetchall()]

    def run_seconds(self) -> float:
        """The last run from its first claim to its last settle."""
        ((run, registered),) = self.sql(
            "SELECT run, min(started_at) FROM workers WHERE run = (SELECT max(id) FROM runs)"
        )
        ((settled,),) = self.sql("SELECT max(settled_at) FROM jobs")
        starts = [line["timestamp"] for line in self.log(run) if line["event"] == "worker started"]
        first = min((datetime.fromisoformat(text).timestamp() for text in starts), default=0.0)
        return float(settled - max(first, registered))  # logged right before the first claim

    def log(self, run: int) -> Iterator[dict[str, Any]]:
        """The lines of the log of a run."""
        with (self.root / ".ledger" / "logs" / f"run-{run:05}.jsonl").open("rb") as file:
            for line in file:
                yield json.loads(line)

    def served(self) -> dict[int, int]:
        """Return the number of jobs that each worker of the last run settled, by worker number."""
        ((run,),) = self.sql("SELECT max(id) FROM runs")
        served: dict[int, int] = {}
        for line in self.log(run):
            if line["event"] == "settled":
                served[line["worker"]] = served.get(line["worker"], 0) + _jobs(line)
        return served

    def outputs(self, *kinds: str) -> list[tuple[str, int]]:
        """(path, bytes) of the outputs of these kinds."""
        found = []
        for kind in kinds:
            found += self.sql(
                "SELECT path, bytes FROM outputs JOIN jobs ON jobs.id = outputs.job "
                "WHERE kind = ? AND state = 'done' ORDER BY path",
                kind,
            )
        return [(path, size) for path, size in found]

    def files(self) -> Iterator[Path]:
        """Every file that jobs make."""
        folders = ("site", ".ledger/artefacts", ".ledger/vectors")
        for folder in folders:
            yield from (path for path in (self.root / folder).rglob("*") if path.is_file())

    def stamps(self) -> dict[Path, tuple[int, int]]:
        """(inode, modification time) of every file that jobs make, to see which were written."""
        found = {path: path.stat() for path in self.files()}
        return {path: (facts.st_ino, facts.st_mtime_ns) for path, facts in found.items()}

    def remove(self) -> None:
        """Delete the folder, and let the disk finish: else the next measure pays for it."""
        shutil.rmtree(self.root, ignore_errors=True)
        os.sync()


def _jobs(line: dict[str, Any]) -> int:
    """Return the number of jobs in a line of the log: a number, a list, or the name of one."""
    jobs = line.get("jobs", line.get("job"))
    if isinstance(jobs, int):
        return jobs
    return len(jobs) if isinstance(jobs, list) else 1


def disk_bytes(folders: Iterable[Path]) -> int:
    """The room that folders take on the disk."""
    files = (path for folder in folders for path in folder.rglob("*"))
    return sum(path.lstat().st_blocks * 512 for path in files)
