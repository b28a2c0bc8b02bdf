"""SIGKILL from outside: of workers, of the coordinator, of both at once."""

from __future__ import annotations

import os
import sqlite3
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from chaos.rounds import Keeper, Round, Storm, tail
from chaos.site import Shape
from ledger.store.connection import has_wal_reset_race

if TYPE_CHECKING:
    from random import Random

    from chaos.site import Site

CALM_SECONDS = 90.0  # of storm in a round; then it may build in peace


def rage(it: Round, site: Site, keeper: Keeper, shape: Shape, most_kills: int) -> None:
    """Kill by the plan until all is done, or it was enough."""
    random = it.random()
    started = time.monotonic()
    while not keeper.done:
        enough = time.monotonic() - started > CALM_SECONDS or site.commands.kills >= most_kills
        if enough:
            return keeper.finish()
        time.sleep(pause(random))
        strike(it, random, site, keeper, shape)
    return None


def pause(random: Random) -> float:
    """Mostly as short as a worker's start; now and then long enough to get much done."""
    return random.uniform(0.1, 0.5) if random.random() < 0.05 else random.uniform(0.01, 0.08)


def strike(
    it: Round, random: Random, site: Site, keeper: Keeper, shape: Shape | None = None
) -> None:
    """Workers mostly, and mostly such as have a job in flight; else the coordinator, or all.

    Where more are killed before they have claimed anything than can be started, nothing
    would ever be done. A coordinator's start takes five times as long as a worker's.
    """
    whom, which, any_ = random.random(), random.random(), random.random() < 0.15
    for _ in range(200):
        workers = site.commands.workers() if any_ else site.at_work()
        if workers:
            break
        if keeper.done:
            return
        time.sleep(0.01)
    else:
        return
    if whom < 0.96:
        site.commands.kill(workers[int(which * len(workers))])
    elif whom < 0.98:
        site.commands.kill(keeper.leader)
    else:
        site.commands.kill_group(keeper.leader)
        if shape and not site.commands.workers():
            it.expect_whole(site, shape)


class Random_(Storm):  # noqa: N801
    """SIGKILL of random workers, of the coordinator and of all at once, again and again."""

    name = "random"
    shape = Shape(pages=1_000, effects=200, pause=0.003)
    most_kills = 400
    small = {"shape": Shape(pages=150, effects=25, early=8, pause=0.01), "most_kills": 20}  # noqa: RUF012

    def run(self, it: Round) -> None:
        """One project to its end."""
        site = it.site(self.shape)
        rage(it, site, Keeper(it, site), self.shape, self.most_kills)
        it.judge(site, self.shape)


class Poems(Random_):
    """The same under a real site of poems, with vectors and rankings, byte for byte."""

    name = "poems"
    shape = Shape(poems=40)
    rounds = 2
    most_kills = 60
    small = {"shape": Shape(poems=6), "most_kills": 6}  # noqa: RUF012


class Attempts(Random_):
    """With three attempts per job: jobs fail after too many crashes, and are retried."""

    name = "attempts"
    most_kills = 80
    shape = replace(Random_.shape, pages=250, effects=60, pause=0.01, max_attempts=3)
    rounds = 1
    small = {}  # noqa: RUF012

    def run(self, it: Round) -> None:
        """Run `retry --failed` whenever a run reports failed jobs."""
        site = it.site(self.shape)

        def cure(code: int, said: str) -> None:
            it.expect(code == 1, "exit", f"jobs failed, and the code was {code}")
            it.expect("remedy" in said and "SIGKILL" in said, "report", tail(said))
            site.run("retry", "--failed")
            it.tally.notes["runs that ended with failed jobs"] += 1

        keeper = Keeper(it, site, forgiven=("job failed", "jobs failed"), cures=cure)
        rage(it, site, keeper, self.shape, self.most_kills)
        it.judge(site, self.shape)


class NoWal(Random_):
    """The same with a SQLite whose WAL is not to be trusted: the rollback journal."""

    name = "nowal"
    most_kills = 150
    rounds = 2
    shape = replace(Random_.shape, pages=300, effects=60)

    def run(self, it: Round) -> None:
        """The standard library's SQLite, as where there is no wheel of pysqlite3."""
        if not has_wal_reset_race(sqlite3.sqlite_version):
            it.tally.notes["rounds with a standard SQLite whose WAL is sound"] += 1
        shim = it.folder / "without" / "pysqlite3"
        shim.mkdir(parents=True)
        (shim / "__init__.py").write_text('raise ImportError("not installed")\n')
        site = it.site(self.shape)
        paths = [str(shim.parent), site.environment["PYTHONPATH"]]
        site.more["PYTHONPATH"] = os.pathsep.join(paths)
        rage(it, site, Keeper(it, site), self.shape, self.most_kills)
        site.commands.end()
        modes = site.ledger_path.read_bytes()[18:20]  # no connection is open
        it.expect(modes == b"\1\1", "harness", f"the file is in WAL mode: {modes!r}")
        it.judge(site, self.shape)
