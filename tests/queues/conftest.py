"""Projects with queues, worked on by the real command in real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from queues.paid import IN_PROCESS, run_here

from ledger.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE = 60


@dataclass
class Queues:
    """A project folder and the processes that were started in it."""

    root: Path
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, *words: object) -> subprocess.Popen[str]:
        """Start `ledger WORDS` in a session of its own."""
        process = subprocess.Popen(
            [sys.executable, "-m", "ledger", *map(str, words)], cwd=self.root, text=True,
            env=self.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        self.started.append(process)
        return process

    def run(self, *words: object, expect: int = 0) -> str:
        """Run it to its end; what it said on both streams."""
        if words[0] in IN_PROCESS:
            return run_here(self.root, self.environment, tuple(map(str, words)), expect)
        process = self.start(*words)
        out, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == expect, f"exit {process.returncode}\n{out}{err}"
        return out + err

    def add(self, name: str, *words: object, expect: int = 0) -> str:
        """`ledger add --name NAME WORDS`."""
        return self.run("add", "--name", name, *words, expect=expect)

    def spawn(self, *words: object, expect: int = 0) -> str:
        """`ledger spawn WORDS`, quietly; with one worker, if they do not say how many."""
        counted = any(isinstance(word, int) for word in words)
        return self.run("spawn", *([] if counted else [1]), *words, "-q", expect=expect)

    def write(self, name: str, text: str) -> Path:
        """A file in the project."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        return path

    def read(self, name: str) -> str:
        """What a file of the project holds."""
        return (self.root / name).read_text("utf-8")

    def store(self, *, read_only: bool = True) -> Store:
        """The ledger."""
        return Store(self.root / ".ledger" / "ledger.db", read_only=read_only)

    def sql(self, text: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows of a statement of the test's own."""
        with self.store() as store:
            return [tuple(row) for row in store.connection.execute(text, values).fetchall()]

    def states(self, queue: str) -> dict[str, str]:
        """The state of each job of a queue, by key."""
        rows = self.sql("SELECT key, state FROM job_list WHERE queue = ? ORDER BY id", queue)
        return dict(rows)

    def facts(self, key: str) -> dict[str, Any]:
        """What is known of the last try at a job."""
        rows = self.sql("SELECT facts FROM attempt_list WHERE key = ? ORDER BY id DESC", key)
        return dict(json.loads(rows[0][0]))

    def end(self) -> None:
        """Let none of the processes survive."""
        for process in self.started:
            if process.poll() is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            if process.stdout is not None and not process.stdout.closed:
                process.communicate()


@pytest.fixture
def queues(tmp_path: Path) -> Iterator[Queues]:
    """An empty folder to work in."""
    made = Queues(tmp_path / "work")
    made.root.mkdir()
    yield made
    made.end()
