"""Projects built by the real command in real processes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ledger.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STARTER = Path(__file__).resolve().parents[2] / "templates" / "starter" / "poems.json"
PATIENCE = 60.0


@dataclass
class Site:
    """A project folder in which commands are run."""

    root: Path

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        """Start `ledger ARGUMENTS` in a process group of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "ledger", *map(str, arguments)],
            cwd=self.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: object, expect: int = 0) -> str:
        """Run `ledger ARGUMENTS` to its end; return its output, both streams."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == expect, out + err
        return out + err

    def status(self) -> dict[str, Any]:
        """Return the output of `ledger status --json`."""
        return json.loads(self.run("status", "--json"))

    def store(self, *, read_only: bool = False) -> Store:
        """Open the ledger itself."""
        return Store(self.root / ".ledger" / "ledger.db", read_only=read_only)

    def done(self) -> int:
        """Return the number of done jobs."""
        with self.store(read_only=True) as store:
            return sum(count.done for count in store.counts())

    def tree(self, folder: str = "site") -> dict[str, bytes]:
        """Return every file below a folder, by path."""
        base = self.root / folder
        return {str(p.relative_to(base)): p.read_bytes() for p in base.rglob("*") if p.is_file()}

    def stamps(self, folder: str = "site") -> dict[str, tuple[int, int]]:
        """Return (inode, mtime) of every file, to detect which were written."""
        base = self.root / folder
        return {
            str(path.relative_to(base)): (path.stat().st_ino, path.stat().st_mtime_ns)
            for path in base.rglob("*")
            if path.is_file()
        }

    def poems(self) -> list[dict[str, Any]]:
        """Return the corpus."""
        return json.loads((self.root / "poems.json").read_text("utf-8"))["poems"]

    def write_poems(self, poems: list[dict[str, Any]]) -> None:
        """Replace the corpus."""
        (self.root / "poems.json").write_text(json.dumps({"poems": poems}), "utf-8")

    def template(self, name: str, text: str) -> None:
        """Shadow a template."""
        (self.root / "templates").mkdir(exist_ok=True)
        (self.root / "templates" / name).write_text(text, "utf-8")

    def worker_pids(self) -> list[int]:
        """Return the worker processes that are still alive."""
        with self.store(read_only=True) as store:
            return [row.pid for row in store.runs.open_workers()]

    def kill_all(self, process: subprocess.Popen[str]) -> None:
        """SIGKILL coordinator and workers at once, as a power cut would."""
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def until(condition: Callable[[], object], what: str) -> None:
    """Wait for a state that another process reaches."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.002)


@pytest.fixture
def new_site(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Make planned projects of the starter corpus, all with one folder name, and so one title."""
    made: list[Site] = []

    def make(documents: int | None = None, settings: str = "") -> Site:
        root = tmp_path / str(len(made)) / "project"
        root.mkdir(parents=True)
        made.append(Site(root))
        shutil.copy(STARTER, root / "poems.json")
        if documents is not None:
            made[-1].write_poems(made[-1].poems()[:documents])
        text = f'[site]\ntitle = "Test"\n[corpus]\npath = "poems.json"\n{settings}'
        (root / "ledger.toml").write_text(text, "utf-8")
        made[-1].run("init")
        return made[-1]

    yield make
    for site in made:  # whatever a failed test left running
        for pid in site.worker_pids():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
