"""Projects of jobs that do as they are told, run by the real command in real processes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from e2e.conftest import PATIENCE, Site, until

from ledger.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TESTS = Path(__file__).resolve().parents[1]
DISTRIBUTION = {
    "METADATA": "Metadata-Version: 2.1\nName: ledger-trial-kinds\nVersion: 1\n",
    "entry_points.txt": "[ledger.kinds]\ntrial = reliability.trial\npaid = reliability.paid\n",
}
Jobs = dict[str, dict[str, Any]]


@dataclass
class Trial(Site):
    """A project of jobs `a`, `b`, `c` … and the processes that were started in it."""

    kinds: Path = Path()
    more: dict[str, str] = field(default_factory=dict)
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, *arguments: object, **how: Any) -> subprocess.Popen[str]:
        """Start `ledger ARGUMENTS` in a process group of its own."""
        path = os.pathsep.join([str(TESTS), str(self.kinds)])
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "cwd": self.root, **how}
        process = subprocess.Popen(
            [sys.executable, "-m", "ledger", *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": path, **self.more},
            text=True,
            start_new_session=True,
            **pipes,
        )
        self.started.append(process)
        return process

    def finish(self, process: subprocess.Popen[str], expect: int = 0) -> str:
        """Wait for a command's end; returns what it printed, both streams."""
        out, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == expect, out + err
        return out + err

    def order(self, key: str, code: str, *, once: bool = False) -> None:
        """Have a job do this, every time or the first time only."""
        path = self.root / "options.json"
        options = json.loads(path.read_text("utf-8")) if path.exists() else {}
        path.write_text(json.dumps({**options, key: {"code": code, "once": once}}), "utf-8")

    def go(self, name: str = "go") -> None:
        """Let those go on who wait for a file of that name."""
        (self.root / name).touch()

    def wait_for(self, what: str) -> None:
        """Wait until a job has got so far, as in `b began`."""
        until(lambda: what in self.ran(), what)

    def ran(self) -> list[str]:
        """What the jobs wrote down."""
        path = self.root / "ran"
        return path.read_text("utf-8").splitlines() if path.exists() else []

    def runs(self) -> dict[str, int]:
        """How often each job began; never were two at the same one."""
        assert not [line for line in self.ran() if "two at once" in line]
        return Counter(line.split()[0] for line in self.ran() if line.endswith(" began"))

    def sql(self, text: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows of a statement of the test's own."""
        with self.store() as store, store.immediate():
            return [tuple(row) for row in store.connection.execute(text, values).fetchall()]

    def column(self, name: str) -> str:
        """A column of the jobs in plan order, as `1 0 0`."""
        return " ".join(str(row[0]) for row in self.sql(f"SELECT {name} FROM jobs ORDER BY id"))

    def outcomes(self) -> list[str]:
        """How each worker ended, in the order of their starts."""
        return [row[0] for row in self.sql("SELECT outcome FROM workers ORDER BY id")]

    def log(self, event: str) -> list[dict[str, Any]]:
        """The lines of that event in all logs."""
        files = sorted((self.root / ".ledger" / "logs").glob("*.jsonl"))
        lines = [line for file in files for line in file.read_text("utf-8").splitlines()]
        return [line for line in map(json.loads, lines) if line["event"] == event]

    def end(self) -> None:
        """Let none of the processes survive."""
        for process in self.started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()


@pytest.fixture(scope="session")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder on PYTHONPATH by which the kinds are installed."""
    folder = tmp_path_factory.mktemp("kinds")
    home = folder / "ledger_trial_kinds-1.dist-info"
    home.mkdir()
    for name, text in DISTRIBUTION.items():
        (home / name).write_text(text, "utf-8")
    return folder


def plant(root: Path, jobs: Jobs, settings: str, kind: str) -> None:
    """Write a project, before its `ledger init`."""
    root.mkdir(parents=True)
    document = {"id": 1, "category": "trial", "content": "nothing"}
    (root / "poems.json").write_text(json.dumps({"poems": [document]}), "utf-8")
    (root / "jobs.json").write_text(json.dumps(jobs), "utf-8")
    (root / "ledger.toml").write_text(f'[site]\nkind = "{kind}"\n{settings}', "utf-8")


@pytest.fixture(scope="session")
def templates(
    kinds: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Jobs, str, str], Path]:
    """Planned projects, each made once."""
    made: dict[str, Path] = {}

    def template(jobs: Jobs, settings: str, kind: str) -> Path:
        name = json.dumps([jobs, settings, kind])
        if name not in made:
            site = Trial(tmp_path_factory.mktemp("template") / "project", kinds)
            plant(site.root, jobs, settings, kind)
            site.run("init")
            made[name] = site.root
        return made[name]

    return template


@pytest.fixture
def trial(
    tmp_path: Path, kinds: Path, templates: Callable[[Jobs, str, str], Path]
) -> Iterator[Callable[..., Trial]]:
    """Makes planned projects: `trial("abc")` has three jobs."""
    made: list[Trial] = []

    def make(
        jobs: str | Jobs = "abcd", settings: str = "", kind: str = "trial", *, planned: bool = True
    ) -> Trial:
        wanted = {key: {} for key in jobs} if isinstance(jobs, str) else jobs
        root = tmp_path / str(len(made)) / "project"
        if planned:
            shutil.copytree(templates(wanted, settings, kind), root)
        else:
            plant(root, wanted, settings, kind)
        made.append(Trial(root, kinds))
        return made[-1]

    yield make
    for site in made:
        site.end()
        with suppress(LedgerError):  # a ledger that the test has done away with
            for pid in site.worker_pids():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
