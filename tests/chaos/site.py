"""The projects of the storms: planned once by the real command, copied for every round."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from chaos.processes import Commands, Hung
from ledger.fingerprint import digest_bytes
from ledger.store.connection import sqlite3
from ledger.store.store import Store

TESTS = Path(__file__).resolve().parents[1]
HOME = TESTS.parent
STARTER = HOME / "templates" / "starter" / "poems.json"
PATIENCE = 120.0
MANY_ATTEMPTS = 100_000

DISTRIBUTION = {
    "METADATA": "Metadata-Version: 2.1\nName: ledger-chaos-kinds\nVersion: 1\n",
    "entry_points.txt": (
        "[ledger.kinds]\n"
        "chaos-early = chaos.kinds.early\n"
        "chaos-page = chaos.kinds.page\n"
        "chaos-effect = chaos.kinds.effect\n"
    ),
}

# What becomes of every job and lease, written by the ledger itself in the transaction that
# does it: what a process reports of itself can be compared with that, and a kill cannot part the two.
AUDIT = """
CREATE TABLE chaos_audit (
    id INTEGER PRIMARY KEY, job INTEGER, fingerprint TEXT,
    state_was TEXT, state TEXT, lease_was INTEGER, lease INTEGER,
    attempts_was INTEGER, attempts INTEGER
);
CREATE TABLE chaos_leases (token INTEGER PRIMARY KEY, worker INTEGER);
CREATE TRIGGER chaos_jobs AFTER UPDATE OF state, lease, attempts, fingerprint ON jobs BEGIN
    INSERT INTO chaos_audit (job, fingerprint, state_was, state, lease_was, lease, attempts_was, attempts)
    VALUES (NEW.id, CASE WHEN OLD.fingerprint IS NOT NEW.fingerprint THEN NEW.fingerprint END,
            OLD.state, NEW.state, OLD.lease, NEW.lease, OLD.attempts, NEW.attempts);
END;
CREATE TRIGGER chaos_new_jobs AFTER INSERT ON jobs BEGIN
    INSERT INTO chaos_audit (job, fingerprint, state_was, state, lease_was, lease, attempts_was, attempts)
    VALUES (NEW.id, NEW.fingerprint, '', NEW.state, NULL, NEW.lease, 0, NEW.attempts);
END;
CREATE TRIGGER chaos_tokens AFTER INSERT ON leases BEGIN
    INSERT INTO chaos_leases (token, worker) VALUES (NEW.token, NEW.worker);
END;
"""


@dataclass(frozen=True, slots=True)
class Shape:
    """The size and settings of a project."""

    pages: int = 300
    effects: int = 60
    early: int = 40
    pause: float = 0.002
    lease_seconds: float = 900.0  # long: no storm may depend on the expiry of a dead worker's lease
    max_attempts: int = MANY_ATTEMPTS
    poems: int = 0  # poems of the starter corpus to build as a real site instead
    audited: bool = True

    @property
    def settings(self) -> str:
        """The text of ledger.toml."""
        site = 'title = "Storm"' if self.poems else 'kind = "chaos"'
        return (
            f"[site]\n{site}\n[workers]\nlease_seconds = {self.lease_seconds}\n"
            f"max_attempts = {self.max_attempts}\n"
        )

    def plant(self, root: Path) -> None:
        """Write a project, before its `ledger init`."""
        root.mkdir(parents=True)
        (root / "ledger.toml").write_text(self.settings, "utf-8")
        write_order(root, self.order)
        if self.poems:
            poems = json.loads(STARTER.read_text("utf-8"))["poems"][: self.poems]
            (root / "poems.json").write_text(json.dumps({"poems": poems}), "utf-8")

    @property
    def order(self) -> dict[str, Any]:
        """Return the input of the kinds: the number of jobs of each, and their durations."""
        return {"pages": self.pages, "effects": self.effects, "early": self.early,
                "pause": self.pause}  # fmt: skip


def write_order(root: Path, order: dict[str, Any], content: str = "nothing") -> None:
    """Write the number of jobs to plan, and touch the corpus, so that `init` plans again."""
    (root / "chaos.json").write_text(json.dumps(order), "utf-8")
    document = {"id": 1, "category": "chaos", "content": content}
    (root / "poems.json").write_text(json.dumps({"poems": [document]}), "utf-8")


Tree = dict[str, str]


def tree(root: Path) -> Tree:
    """The digest of every file of the site, by path."""
    base = root / "site"
    return {
        str(path.relative_to(base)): digest_bytes(path.read_bytes())
        for path in sorted(base.rglob("*"))
        if path.is_file()
    }


@dataclass
class Site:
    """A project under fire, and the commands that are run in it.

    `inside` is the folder of the accounts of its processes; `more` is put into their environment.
    """

    root: Path
    kinds: Path
    commands: Commands = field(default_factory=Commands)
    more: dict[str, str] = field(default_factory=dict)
    watched: bool = True
    elsewhere: Path | None = None  # for output, where the project's own disk is at fault
    _at_work: set[int] = field(default_factory=set)

    @property
    def inside(self) -> Path:
        """Return the folder of the processes' accounts."""
        return (self.elsewhere or self.root.parent) / f"{self.root.name}-inside"

    @property
    def said(self) -> Path:
        """Return the file for the commands' output."""
        return (self.elsewhere or self.root.parent) / f"{self.root.name}.said"

    @property
    def ledger_path(self) -> Path:
        """The SQLite file."""
        return self.root / ".ledger" / "ledger.db"

    @property
    def environment(self) -> dict[str, str]:
        """A user's environment, with the kinds and the harness in it."""
        plain = {
            name: text
            for name, text in os.environ.items()
            if not name.startswith(("CHAOS_", "LEDGER_")) and name != "PYTHONDONTWRITEBYTECODE"
        }
        plain["PYTHONPATH"] = os.pathsep.join([str(HOME), str(TESTS), str(self.kinds)])
        if self.watched:
            self.inside.mkdir(exist_ok=True)
            plain |= {"LEDGER_CHAOS": "chaos.inside", "CHAOS_FOLDER": str(self.inside)}
        return plain | self.more

    def at_work(self) -> list[int]:
        """The pids of the workers that live and have claimed something."""
        workers = self.commands.workers()
        if not self._at_work.issuperset(workers):
            self._at_work = {
                int(entry.name.partition("-")[2].partition(".")[0])
                for entry in os.scandir(self.inside)
                if entry.name.endswith(".account") and entry.stat().st_size
            }
        return [pid for pid in workers if pid in self._at_work]

    def start(self, *arguments: object) -> int:
        """Start `ledger ARGUMENTS`; returns its pid, which is that of its group."""
        command = [sys.executable, "-m", "ledger", *map(str, arguments)]
        return self.commands.start(command, self.environment, self.root, self.said).pid

    def wait(self, leader: int, patience: float = PATIENCE) -> int:
        """Wait for a command; returns its exit code.

        Raises:
            Hung: it did not end.
        """
        process = self.commands.leaders[leader]
        try:
            return process.wait(patience)
        except subprocess.TimeoutExpired:
            self.commands.end()
            raise Hung(f"{process.args!r} did not end within {patience:g} s") from None

    def run(self, *arguments: object, patience: float = PATIENCE) -> tuple[int, str]:
        """Run `ledger ARGUMENTS` to its end; returns its exit code and what it printed."""
        before = self.said.stat().st_size if self.said.exists() else 0
        code = self.wait(self.start(*arguments), patience)
        with self.said.open("rb") as file:
            file.seek(before)
            return code, file.read().decode("utf-8", "replace")

    def build(self, workers: int) -> int:
        """`ledger spawn` to its end, with no faults; returns its exit code."""
        return self.run("spawn", workers, "--quiet")[0]

    def rows(self, text: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows of a statement, on a connection of its own."""
        with Store(self.ledger_path, read_only=True) as store:
            return [tuple(row) for row in store.connection.execute(text, values).fetchall()]

    def write(self, text: str, *values: object) -> None:
        """Execute a statement that changes the ledger outside of any command."""
        with Store(self.ledger_path) as store, store.immediate():
            store.connection.execute(text, values)

    def job_counts(self) -> dict[str, int]:
        """Count the jobs in each state; empty while the ledger cannot be read."""
        try:
            return dict(self.rows("SELECT state, count(*) FROM jobs GROUP BY state"))
        except sqlite3.OperationalError:
            return {}


class Nursery:
    """Projects by shape, planned and built once, with what they should look like in the end."""

    def __init__(self, work: Path, workers: int) -> None:
        self.work = work
        self.workers = workers
        self._planned: dict[Shape, Path] = {}
        self._trees: dict[Shape, Tree] = {}

    @cached_property
    def kinds(self) -> Path:
        """A folder on PYTHONPATH by which the kinds are installed."""
        folder = self.work / "kinds"
        home = folder / "ledger_chaos_kinds-1.dist-info"
        home.mkdir(parents=True)
        for name, text in DISTRIBUTION.items():
            (home / name).write_text(text, "utf-8")
        return folder

    def site(self, root: Path, shape: Shape) -> Site:
        """A new project of that shape, planned."""
        template = self._template(shape)
        root.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(template, root, symlinks=True)  # and the times, which the plan notes
        return Site(root, self.kinds)

    def tree(self, shape: Shape) -> Tree:
        """Return the outputs of a clean build of that shape."""
        if shape not in self._trees:
            site = self.site(self.work / "clean" / str(len(self._trees)) / "project", shape)
            site.watched = False
            try:
                code = site.build(self.workers)
            finally:
                site.commands.end()
            if code:
                raise RuntimeError(f"a build without faults exits with {code}: see {site.said}")
            self._trees[shape] = tree(site.root)
        return self._trees[shape]

    def _template(self, shape: Shape) -> Path:
        if shape not in self._planned:
            root = self.work / "templates" / str(len(self._planned)) / "project"
            shape.plant(root)
            site = Site(root, self.kinds, watched=False)
            code, said = site.run("init")
            site.commands.end()
            if code:
                raise RuntimeError(f"ledger init exits with {code}: {said}")
            if shape.audited:
                with Store(site.ledger_path) as store:
                    store.connection.executescript(AUDIT)
            self._planned[shape] = root
        return self._planned[shape]
