"""Thousands of paid jobs, twenty workers, and somebody who kills them: what is to be true after.

`python -m queues.paid` (with tests/ on PYTHONPATH) does it with 6,594 jobs; the suite with fewer.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from bisect import bisect_right
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from click.testing import CliRunner

from ledger.cli.main import main as main_command
from ledger.errors import LedgerError
from ledger.store.connection import OperationalError
from ledger.store.queues import chosen_queues
from ledger.store.store import Store

if TYPE_CHECKING:
    from ledger.store.rows import QueueRow

KEY = "test-key-5f1c"
HERE = Path(__file__).parent
REST = 1.0
SCHEMA = {
    "type": "object",
    "properties": {"page": {"type": "string"}, "words": {"type": "integer"}},
    "required": ["page", "words"],
}
SETTINGS = """\
[site]
kind = "bulk"
[llm]
url = "http://127.0.0.1:{port}/v1"
model = "paid-1"
api_key_env = "PAID_KEY"
[prices]
paid-1 = {{ input = 2.0, output = 10.0 }}
"""


# what starts no worker is quicker without a process of its own
IN_PROCESS = {"add", "retry", "status", "export", "cancel", "pause", "resume", "doctor", "verify"}


def run_here(root: Path, environment: dict[str, str], words: tuple[str, ...], expect: int) -> str:
    """Run `ledger` within this process; what it said."""
    gone = dict.fromkeys(set(os.environ) - set(environment))
    with contextlib.chdir(root):
        done = CliRunner().invoke(main_command, words, env={**environment, **gone})
    assert done.exit_code == expect, f"exit {done.exit_code}\n{done.output}"
    return done.output


class Paid:
    """The server, while it serves."""

    def __init__(self, folder: Path, seed: int, *, moody: bool = True) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "paid_server.py"), str(folder), str(seed), "moody" if moody else "calm"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def meter(self) -> dict[str, Any]:
        """What it has seen; it serves no more after that."""
        self.process.communicate(timeout=60)
        found: dict[str, Any] = json.loads((self.folder / "meter.json").read_text("utf-8"))
        return found


@dataclass
class Work:
    """A project with a queue of pages to extract."""

    root: Path
    pages: int
    environment: dict[str, str] = field(default_factory=lambda: {**os.environ, "PAID_KEY": KEY})

    def plant(self, port: int) -> None:
        """Write the project and its pages."""
        self.root.mkdir(parents=True, exist_ok=True)
        (self.root / "ledger.toml").write_text(SETTINGS.format(port=port), "utf-8")
        lines = [{"id": f"p{n:05}", "text": "word " * (5 + n % 40)} for n in range(self.pages)]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (self.root / "pages.jsonl").write_text(text, "utf-8")
        (self.root / "facts.j2").write_text("page {{ id }} says {{ text }}", "utf-8")
        (self.root / "facts.schema.json").write_text(json.dumps(SCHEMA), "utf-8")

    def add(self, *more: str) -> None:
        """Add all pages."""
        words = [
            "--name",
            "facts",
            "--kind",
            "llm",
            "--input",
            "pages.jsonl",
            "--prompt",
            "facts.j2",
        ]
        words += ["--schema", "facts.schema.json", "--out", "facts/{id}.json", "--max-tokens", "40"]
        self.run("add", *words, *more)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start `ledger`, in a session of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "ledger", *words], cwd=self.root, env=self.environment,
            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip

    def run(self, *words: str, expect: int = 0) -> str:
        """Run `ledger` to its end; what it said."""
        if words[0] in IN_PROCESS:
            return run_here(self.root, self.environment, words, expect)
        process = self.start(*words)
        said, _ = process.communicate(timeout=600)
        assert process.returncode == expect, f"exit {process.returncode}: {said}"
        return said

    def store(self) -> Store:
        """The ledger, for reading."""
        return Store(self.root / ".ledger" / "ledger.db", read_only=True)

    def queue(self) -> QueueRow:
        """The row of the queue."""
        with self.store() as store:
            return chosen_queues(store, ["facts"])[0]

    def uncertain(self) -> set[str]:
        """The pages that the ledger lists as uncertain."""
        with self.store() as store:
            return {job.key.partition("/")[2] for job in store.reports.uncertain_jobs()}

    def workers(self) -> list[int]:
        """The processes at work."""
        try:
            with self.store() as store:
                return [worker.pid for worker in store.runs.open_workers()]
        except (LedgerError, OperationalError):
            return []


def spawn_and_kill(work: Work, words: list[str], chance: random.Random, every: float) -> int:
    """Spawn, kill a worker now and then, and everything once in a while; how many were killed."""
    kills = 0
    while True:
        process = work.start(*words)
        whole = time.monotonic() + 8 * every
        while process.poll() is None:
            try:
                process.wait(chance.uniform(0.5, 1.5) * every)
                continue
            except subprocess.TimeoutExpired:
                pass
            if time.monotonic() > whole:
                victims = [process.pid, *work.workers()]
                whole = float("inf")
            else:
                victims = chance.sample(alive := work.workers(), min(1, len(alive)))
            for pid in victims:
                try:
                    os.kill(pid, signal.SIGKILL)
                    kills += 1
                except ProcessLookupError:
                    pass
        said = process.communicate()[0]
        if process.returncode == 0:
            return kills
        assert process.returncode == -signal.SIGKILL, f"exit {process.returncode}: {said}"


def most_in_window(times: list[float], seconds: float) -> int:
    """The most of the times that lie in any window of that length."""
    ordered = sorted(times)
    return max(
        (bisect_right(ordered, start + seconds) - n for n, start in enumerate(ordered)), default=0
    )


def resting(refusals: list[float]) -> float:
    """For how many seconds the server had asked to be left alone."""
    total, until = 0.0, 0.0
    for at in sorted(refusals):
        total += max(0.0, at + REST - max(at, until))
        until = max(until, at + REST)
    return total


def check(work: Work, meter: dict[str, Any], *, rate: float, burst: int) -> dict[str, Any]:
    """Whether all of it is as promised; the figures."""
    pages = {f"p{n:05}" for n in range(work.pages)}
    made = {
        path.stem: json.loads(path.read_text("utf-8")) for path in (work.root / "facts").iterdir()
    }
    assert pages == set(made), "pages are missing"
    assert all(value["page"] == page for page, value in made.items()), (
        "a page holds another's facts"
    )
    twice = {page for page, paid in meter["paid"].items() if len(paid) > 1}
    uncertain = work.uncertain()
    assert twice <= uncertain, f"paid twice and not listed: {sorted(twice - uncertain)[:5]}"
    assert all(len(keys) == 1 for keys in meter["keys"].values()), "an idempotency key changed"
    paid, queue = sum(sum(each) for each in meter["paid"].values()), work.queue()
    assert paid <= queue.tokens_spent, f"{paid} tokens were paid, {queue.tokens_spent} noted"
    most = most_in_window(meter["arrivals"], 1.0)
    assert most <= rate + burst, f"{most} calls in a second, {rate} and {burst} are allowed"
    return {
        "pages": len(pages), "calls": len(meter["arrivals"]), "refused": len(meter["refusals"]),
        "broken": meter["broken"], "dropped": len(meter["dropped"]),
        "paid twice": len(twice), "uncertain": len(uncertain), "tokens paid": paid,
        "tokens noted": queue.tokens_spent, "most in a second": most, "at once": meter["most"],
    }  # fmt: skip


def storm(
    folder: Path, pages: int, *, seed: int, workers: int, rate: float, burst: int, every: float
) -> dict[str, Any]:
    """All of it, first up to a ceiling that is too low, then with enough; the figures."""
    work = Work(folder / "project", pages)
    with Paid(folder, seed) as server:
        work.plant(server.port)
        work.add("--rate", f"{rate:g}/s", "--burst", str(burst))
        ceiling = 12 * pages
        words = ["spawn", str(workers), "--keep-going", "-q", "--only", "facts"]
        work.run(*words, "--token-budget", str(ceiling), expect=4)
        spent_first = work.queue().tokens_spent
        assert spent_first <= ceiling, f"{spent_first} tokens of {ceiling}"
        began = time.monotonic()
        kills = spawn_and_kill(work, [*words, "--token-budget", "none"], random.Random(seed), every)
        elapsed = time.monotonic() - began
        meter = server.meter()
    found = check(work, meter, rate=rate, burst=burst)
    later = [at for at in meter["arrivals"] if at >= began]
    rested = resting([at for at in meter["refusals"] if at >= began])
    return {
        **found, "kills": kills, "ceiling": ceiling, "spent under it": spent_first,
        "seconds": round(elapsed, 1), "calls a second": round(len(later) / elapsed, 1),
        "told to rest": round(rested, 1),
        "of the rate": round(len(later) / (elapsed - rested) / rate, 3),
    }  # fmt: skip


def main() -> None:
    """From the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=6594)
    parser.add_argument("--workers", type=int, default=20)
    parser.add_argument("--rate", type=float, default=100.0)
    parser.add_argument("--burst", type=int, default=10)
    parser.add_argument("--every", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=20261121)
    told = vars(parser.parse_args())
    with tempfile.TemporaryDirectory() as folder:
        for name, value in storm(Path(folder), told.pop("pages"), **told).items():
            sys.stdout.write(f"{name:18} {value:>12,}\n")


if __name__ == "__main__":
    main()
