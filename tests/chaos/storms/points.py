"""SIGKILL from within, at each labelled point in turn: nothing is left to chance but how often."""

from __future__ import annotations

import json
import math
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import TYPE_CHECKING

from chaos.rounds import Keeper, Round, Storm, read_strikes, tail
from chaos.site import Shape, write_order
from ledger.process.fault_points import Point

if TYPE_CHECKING:
    from chaos.site import Site

# How likely it is that a process dies at a point when it gets there. Where a coordinator is to
# die, workers have to die first; where a worker dies with no job in flight, others must with one.
IN_HAND = {"JOB_IN_FLIGHT": 0.2}
NOW_AND_THEN = {"JOB_IN_FLIGHT": 0.02}
EVERYWHERE = "EVERYWHERE"
RATES: dict[str, dict[str, float]] = {
    EVERYWHERE: {
        **dict.fromkeys(("TEMP_OPENED", "TEMP_WRITTEN", "RENAMED", "JOB_RAN", "MID_EFFECT"), 0.02),
        **dict.fromkeys(("JOB_IN_FLIGHT", "CLAIM_WRITTEN", "CLAIMED", "WORKER_CALLED"), 0.04),
        **dict.fromkeys(("SETTLE_WRITTEN", "SETTLED"), 0.08),
        **dict.fromkeys(("WORKER_DEAD", "REAP_WRITTEN", "REAPED"), 0.1),
    },
    "CLAIM_WRITTEN": {"CLAIM_WRITTEN": 0.4, **NOW_AND_THEN},
    "CLAIMED": {"CLAIMED": 0.4, **NOW_AND_THEN},
    "JOB_IN_FLIGHT": {"JOB_IN_FLIGHT": 0.1},
    "MID_EFFECT": {"MID_EFFECT": 0.2},
    "TEMP_OPENED": {"TEMP_OPENED": 0.1},
    "TEMP_WRITTEN": {"TEMP_WRITTEN": 0.1},
    "RENAMED": {"RENAMED": 0.1},
    "JOB_RAN": {"JOB_RAN": 0.1},
    "SETTLE_WRITTEN": {"SETTLE_WRITTEN": 0.3},
    "SETTLED": {"SETTLED": 0.3},
    "WORKER_CALLED": {"WORKER_CALLED": 0.5},
    "WORKER_DEAD": {"WORKER_DEAD": 0.5, **IN_HAND},
    "REAP_WRITTEN": {"REAP_WRITTEN": 0.4, **IN_HAND},
    "REAPED": {"REAPED": 0.5, **IN_HAND},
    "PLAN_WRITTEN": {"PLAN_WRITTEN": 0.7},
    "PLANNED": {"PLANNED": 0.7},
}
OF_PLANS = ("PLAN_WRITTEN", "PLANNED")
OF_COMMANDS = ("WORKER_CALLED", "WORKER_DEAD", "REAP_WRITTEN", "REAPED", *OF_PLANS)
OF_FILES = (EVERYWHERE, "TEMP_OPENED", "TEMP_WRITTEN", "RENAMED")
LOOK_SECONDS = 0.3
STORM_SECONDS = 300.0


class Points(Storm):
    """Every process kills itself at labelled points, one sort of point a round."""

    name = "points"
    shape = Shape(pages=260, effects=120, early=20, pause=0.001)
    rounds = least_rounds = len(RATES)
    quota = 103  # kills at the point in question
    small = {"shape": Shape(pages=120, effects=20, early=8), "quota": 15}  # noqa: RUF012

    def run(self, it: Round) -> None:
        """Until the point had its kills; then calm, and an end.

        Where commands are killed and not workers, two projects at once: a command's start is
        most of what that takes, and keeps one core busy.
        """
        point = list(RATES)[it.number % len(RATES)]
        names = ["one", "other"] if point in OF_COMMANDS else ["project"]
        quota = math.ceil(max(1, self.quota * it.scale) / len(names))
        sites = [it.site(self.shape, name, CHAOS_RATES=json.dumps(RATES[point])) for name in names]
        way = self._plan if point in OF_PLANS else self._build
        with ThreadPoolExecutor(len(sites)) as pool:
            for done in [pool.submit(way, it, site, point, quota) for site in sites]:
                done.result()
        for site in sites:
            strikes = count(site, point)
            it.expect(strikes >= quota, "harness", f"only {strikes} of {quota} kills at {point}")
            it.judge(site, self.shape)

    def _build(self, it: Round, site: Site, point: str, quota: int) -> None:
        deadline = time.monotonic() + STORM_SECONDS
        workers = 2 if point in OF_COMMANDS else it.workers
        keeper = Keeper(it, site, (workers, "--quiet"))
        looked = 0.0
        while count(site, point) < quota and time.monotonic() < deadline:
            if keeper.done:  # and once more
                shutil.rmtree(site.root / "site" / ("effect" if point == "MID_EFFECT" else "page"))
                keeper.respawn()
            if point in OF_FILES and time.monotonic() - looked > LOOK_SECONDS:
                with site.commands.standing_still():
                    it.expect_whole(site, self.shape)
                looked = time.monotonic()
            time.sleep(0.02)
        calm(site, keeper)
        keeper.finish()

    def _plan(self, it: Round, site: Site, point: str, quota: int) -> None:
        """`ledger init` of one edit after the other, killed each time but the last."""
        random = Random(f"{it.plan}/{site.root.name}")
        deadline = time.monotonic() + STORM_SECONDS
        number = 0
        while count(site, point) < quota and time.monotonic() < deadline:
            number += 1
            pages = self.shape.pages - random.randrange(40)
            edited = random.sample(range(pages), random.randrange(30))
            order = {**self.shape.order, "pages": pages, "edited": edited, "edition": number}
            write_order(site.root, order, f"edit {number}")
            while self._init(it, site):
                it.tally.faults += 1
            if number % 8 == 1:
                Keeper(it, site).finish()
        site.more["CHAOS_RATES"] = "{}"
        write_order(site.root, self.shape.order)
        it.expect(not self._init(it, site), "exit", "an init that nobody killed did not succeed")
        Keeper(it, site).finish()

    def _init(self, it: Round, site: Site) -> bool:
        """One `ledger init`; whether it was killed."""
        code, said = site.run("init")
        it.expect(code in (0, -9), "exit", f"init ended with {code}: {tail(said)}")
        return code == -9


def count(site: Site, point: str) -> int:
    """Return the number of processes that killed themselves there."""
    strikes = read_strikes(site)
    return strikes.total() if point == EVERYWHERE else strikes[point]


def calm(site: Site, keeper: Keeper) -> None:
    """From now on no process kills itself; those that might are replaced."""
    site.more["CHAOS_RATES"] = "{}"
    site.commands.kill_group(keeper.leader)
    for pid in site.commands.workers():
        site.commands.kill(pid)


MISSING = {point.name for point in Point} - RATES.keys()
assert not MISSING, f"no rates for {MISSING}"
