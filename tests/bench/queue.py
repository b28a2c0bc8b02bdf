"""Rows 7 and 8: what the ledger itself costs, against huey, bare SQLite and its own growth."""

from __future__ import annotations

import time
from contextlib import ExitStack
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from bench.bare import bare_rate
from bench.noops import noop_site
from bench.peer import huey_rate
from bench.report import Check, Outcome, number
from bench.timing import percentile
from ledger.jobs import Settlement
from ledger.store.store import Store

if TYPE_CHECKING:
    from bench.setting import Bench
    from bench.site import Site

LEASE = 30.0
FEW, MANY = 2, 12


def overhead(bench: Bench) -> Outcome:
    """Row 7."""
    sizes = bench.sizes
    rounds = {n: [_round(bench, n) for _ in range(sizes.builds)] for n in (FEW, MANY)}
    ours = {n: median(one.ours for one in rounds[n]) for n in rounds}
    effects = {n: median(one.effects for one in rounds[n]) for n in rounds}
    peer = {n: median(one.peer for one in rounds[n]) for n in rounds}
    bare = {n: median(one.bare for one in rounds[n]) for n in rounds}
    of_bare = {n: median(one.ours / one.bare for one in rounds[n]) for n in rounds}
    served = rounds[MANY][-1].served
    least, most = min(served.values(), default=0), max(served.values(), default=1)
    share = least / most if len(served) == MANY else 0.0
    unsafe = huey_rate(bench.folder("huey"), sizes.peer_noops, FEW, fsync="false")
    return Outcome(
        _rates(ours), _rates(peer),
        (
            *(Check(f"{n} workers", ours[n] / peer[n], 25, at_most=False) for n in ours),
            Check("least/most served", share, 1 / 3, "", at_most=False),
            *(Check(f"effects, {n}", effects[n] / peer[n], 4, at_most=False) for n in effects),
            Check(f"of bare SQLite, {FEW}", of_bare[FEW], 0.6, at_most=False),
        ),
        (
            (f"{sizes.noops:,} jobs; {sizes.effects:,} with effects: {_rates(effects)}; huey "
            f"{sizes.peer_noops:,}; served of {len(served)} workers: {least:,} to {most:,} jobs"),
            ("huey as it comes (SQLite's synchronous = FULL; the task is gone when it is taken); with "
            f"fsync=False (OFF) and {FEW} workers: {number(unsafe)} jobs/s"),
            (f"bare SQLite, same durability, same batches: {_rates(bare)}; of it "
             f"{number(of_bare[FEW])} and {number(of_bare[MANY])} ×"),
        ),
        {"ours": ours, "effects": effects, "huey": peer, "huey_unsafe": unsafe, "served": served, "bare": bare},
    )  # fmt: skip


def _rates(rates: dict[int, float]) -> str:
    return " / ".join(number(rate) for rate in rates.values()) + " jobs/s"


class Rates(NamedTuple):
    """Jobs a second, ours, huey's and bare SQLite's; and how many jobs each of our workers got."""

    ours: float
    effects: float
    peer: float
    bare: float
    served: dict[int, int]


def _round(bench: Bench, workers: int) -> Rates:
    sizes = bench.sizes
    ours, served = _rate(bench, sizes.noops, workers)
    peer = huey_rate(bench.folder("huey"), sizes.peer_noops, workers)
    bare = bare_rate(bench.folder("bare"), sizes.noops, workers)
    effects, _ = _rate(bench, sizes.effects, workers, effects=True)
    return Rates(ours, effects, peer, bare, served)


def _rate(
    bench: Bench, jobs: int, workers: int, *, effects: bool = False
) -> tuple[float, dict[int, int]]:
    """Jobs a second of a real run, and what each worker got."""
    site = bench.noops(jobs, effects=effects)
    site.build(workers)
    rate, served = jobs / site.run_seconds(), site.served()
    site.remove()
    return rate, served


def crowd(bench: Bench) -> Outcome:
    """Row 16: many more workers than cores; jobs wait, as for a server, without blocking others."""
    sizes = bench.sizes
    site = noop_site(bench.folder("crowd"), bench.work / "kinds", sizes.crowd_jobs, pause=0.04)
    took = site.ledger("spawn", sizes.crowd, "--quiet")  # fails if a worker printed anything
    served = site.served()
    silent = not any((site.root / ".ledger" / "logs").glob("*.stderr"))
    site.remove()
    share = min(served.values()) / max(served.values()) if len(served) == sizes.crowd else 0.0
    return Outcome(
        f"{took:.1f} s", "",
        (
            Check("least/most served", share, 1 / 3, "", at_most=False),
            Check("workers without a complaint", float(silent), 1, "", at_most=False),
        ),
        (f"{sizes.crowd_jobs:,} jobs, by worker {min(served.values()):,} to {max(served.values()):,}",),
        {"seconds": took, "served": served},
    )  # fmt: skip


def claim_latency(bench: Bench) -> Outcome:
    """Row 8."""
    sizes = bench.sizes
    small = noop_site(bench.folder("few"), bench.work / "kinds", sizes.few_rows)
    with ExitStack() as stack:
        many = stack.enter_context(Claimer(bench.many_jobs))
        few = stack.enter_context(Claimer(small))
        rounds = [_interleaved(many, few, sizes.claims) for _ in range(max(1, sizes.rounds // 2))]
    slow, fast = median(a for a, _ in rounds), median(b for _, b in rounds)
    return Outcome(
        f"p99 {slow * 1e3:.3f} ms at {sizes.many_rows:,}",
        f"p99 {fast * 1e3:.3f} ms at {sizes.few_rows:,}",
        (Check("", slow / fast, 2),),
        (
            (f"{len(rounds)} × {sizes.claims:,} claims of one job by turns; p50 "
            f"{percentile(many.claims, 0.5) * 1e3:.3f} and {percentile(few.claims, 0.5) * 1e3:.3f} ms; "
            f"settling, p99 {percentile(many.settles, 0.99) * 1e3:.3f} and "
            f"{percentile(few.settles, 0.99) * 1e3:.3f} ms"),
        ),
        {"many_p99": slow, "few_p99": fast},
    )  # fmt: skip


def _interleaved(many: Claimer, few: Claimer, samples: int) -> tuple[float, float]:
    times = [(many.cycle(), few.cycle()) for _ in range(samples)]
    many_p99 = percentile([a for a, _ in times], 0.99)
    return many_p99, percentile([b for _, b in times], 0.99)


class Claimer:
    """A worker in this process that claims one job at a time and settles it."""

    def __init__(self, site: Site) -> None:
        self.store = Store(site.root / ".ledger" / "ledger.db")
        self.run = self.store.start_run(1, keep_going=True)
        self.worker = self.store.start_worker(self.run, 1, 1)
        self.take = partial(self.store.claim, self.run, self.worker, 1, LEASE)
        self.claims: list[float] = []
        self.settles: list[float] = []

    def __enter__(self) -> Claimer:
        return self

    def __exit__(self, *_: object) -> None:
        self.store.end_worker(self.worker, "finished")
        self.store.end_run(self.run, "done")
        self.store.close()

    def cycle(self) -> float:
        """Claim and settle one job; returns the seconds of the claim."""
        started = time.perf_counter()
        claim = self.take()
        claimed = time.perf_counter()
        if claim is None:
            raise RuntimeError("nothing is left to claim")
        settlement = Settlement(claim.jobs[0].id, "done", 0.0)
        self.store.settle(self.run, self.worker, claim.token, [settlement])
        self.claims.append(claimed - started)
        self.settles.append(time.perf_counter() - claimed)
        return claimed - started
