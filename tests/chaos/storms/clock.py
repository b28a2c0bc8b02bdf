"""The wall clock steps by an hour, forward and back, under a build that goes on."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

from chaos.processes import Hung
from chaos.rounds import Keeper, Round, Storm
from chaos.site import Shape
from chaos.storms.kills import strike

PLACES = ("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib", "/usr/local/lib")
STEP_SECONDS = 3600
LONGEST = 60.0
MOST_KILLS = 20


def library() -> Path | None:
    """libfaketime, of the sort for threads."""
    names = (f"{place}/faketime/libfaketimeMT.so.1" for place in PLACES)
    return next((Path(name) for name in names if Path(name).is_file()), None)


class Clock(Storm):
    """The wall clock steps by an hour, forward and back, under workers and coordinator."""

    name = "clock"
    shape = Shape(pages=600, effects=60, pause=0.015, lease_seconds=2.0)
    rounds = 2

    def obstacle(self) -> str:
        """It takes libfaketime."""
        if sys.platform != "linux":
            return "libfaketime is known here on Linux only"
        return "" if library() else "no libfaketime: apt-get install faketime"

    def run(self, it: Round) -> None:
        """Kill no process in even rounds: no lease may be lost then, and no job run twice."""
        offset = it.folder / "offset"
        offset.write_text("+0\n")
        site = it.site(
            self.shape, LD_PRELOAD=str(library()), FAKETIME_TIMESTAMP_FILE=str(offset),
            FAKETIME_NO_CACHE="1", DONT_FAKE_MONOTONIC="1", FAKETIME_DONT_FAKE_MONOTONIC="1",
            NO_FAKE_STAT="1", CHAOS_SLEEP="select",
        )  # fmt: skip
        peaceful = it.number % 2 == 0
        random, draws = it.random(), it.random()
        keeper = Keeper(it, site)
        deadline = time.monotonic() + LONGEST
        while not keeper.done:
            if time.monotonic() > deadline:
                raise Hung("a step of the clock froze the build")
            hours = random.choice((-1, 0, 1))
            replacement = offset.with_suffix(".new")
            replacement.write_text(f"{hours * STEP_SECONDS:+}\n")
            replacement.replace(offset)
            it.tally.faults += 1
            time.sleep(random.uniform(0.1, 0.4))
            if not peaceful and site.commands.kills < MOST_KILLS:
                strike(it, draws, site, keeper)
        verdict = it.judge(site, replace(self.shape))
        if peaceful:
            numbers = verdict.numbers
            it.expect(not numbers.extra_runs, "clock", f"{numbers.extra_runs} jobs ran again")
            it.expect(not numbers.stale_refused, "clock", "a live worker lost its lease")
        steps = {round(at / STEP_SECONDS) for (at,) in site.rows("SELECT settled_at - min(settled_at) OVER () FROM jobs")}  # fmt: skip
        it.expect(len(steps) > 1, "harness", "the clock of the workers never stepped")
