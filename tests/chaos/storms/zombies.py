"""SIGSTOP for longer than a lease, and those who wake up when everything was given to others."""

from __future__ import annotations

import heapq
import json
import signal
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chaos.processes import Hung, wait_until
from chaos.rounds import Keeper, Round, Storm
from chaos.site import Shape
from ledger.jobs import Settlement
from ledger.store.claims import StaleLeaseError
from ledger.store.store import Store

if TYPE_CHECKING:
    from random import Random

    from chaos.site import Site
    from ledger.jobs import Claim

NO_PROCESS = (1 << 22) - 1  # the largest pid there can be, and never given out
CALM_SECONDS = 25.0
PATIENCE = 30.0


class Zombies(Storm):
    """SIGSTOP of workers, coordinator and all for up to three leases; and puppets that come late."""

    name = "zombies"
    shape = Shape(pages=900, effects=100, pause=0.02, lease_seconds=1.0)
    rounds = 4
    most_puppets = 20
    small = {  # noqa: RUF012
        "shape": Shape(pages=100, effects=10, early=8, pause=0.02, lease_seconds=1.0),
        "most_puppets": 2,
    }

    def run(self, it: Round) -> None:
        """One project to its end."""
        site = it.site(self.shape)
        keeper = Keeper(it, site)
        with Puppeteer(it, site, self.shape.lease_seconds, self.most_puppets) as puppeteer:
            stop_and_go(it, site, keeper, self.shape.lease_seconds)
            keeper.finish()
        it.tally.faults += puppeteer.played
        it.tally.notes["puppets whose lease was taken back"] += puppeteer.played
        it.judge(site, self.shape)


def stop_and_go(it: Round, site: Site, keeper: Keeper, lease: float) -> None:
    """Stop a process now and then, and continue it between a half and three lease times later."""
    random = it.random()
    deadline = time.monotonic() + CALM_SECONDS
    stopped: list[tuple[float, int]] = []
    next_stop = 0.0
    while not keeper.done and time.monotonic() < deadline:
        now = time.monotonic()
        if now >= next_stop:
            pause, until = random.uniform(0.2, 0.6), now + lease * random.uniform(0.5, 3.0)
            for pid in victims(random, site, keeper.leader):
                if site.commands.signal(pid, signal.SIGSTOP):
                    heapq.heappush(stopped, (until, pid))
                    it.tally.faults += 1
            next_stop = now + pause
        while stopped and stopped[0][0] <= now:
            site.commands.signal(heapq.heappop(stopped)[1], signal.SIGCONT)
        time.sleep(0.02)
    for _, pid in stopped:
        site.commands.signal(pid, signal.SIGCONT)


def victims(random: Random, site: Site, leader: int) -> list[int]:
    """A worker mostly; the coordinator; or everybody, as Ctrl+Z does."""
    whom, which = random.random(), random.random()
    workers = site.at_work()
    if whom < 0.80:
        return [workers[int(which * len(workers))]] if workers else []
    return [leader] if whom < 0.90 else [leader, *workers]


@dataclass
class Puppeteer:
    """Foreign workers, played by the harness: they claim, sleep past their lease, and come late."""

    it: Round
    site: Site
    lease_seconds: float
    most: int
    played: int = 0
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Puppeteer:
        self._thread = threading.Thread(target=self._play, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._thread:
            self._thread.join()

    def _play(self) -> None:
        with Store(self.site.ledger_path) as store:
            number = 0
            while not self._over.is_set() and self.played < self.most:
                number += 1
                try:
                    self._one(store, number)
                except Hung as error:
                    self.it.broken("puppet", str(error))
                self._over.wait(0.3)

    def _one(self, store: Store, number: int) -> None:
        run = store.runs.latest()
        if run is None or run.ended_at is not None:
            return
        worker = store.start_worker(run.id, 90 + number, NO_PROCESS)
        claim = store.claim(run.id, worker, 1 + number % 3, self.lease_seconds)
        if claim is not None:
            self._tell(number, "claimed", worker, claim)
            self._come_late(store, run.id, worker, claim, number)
        store.end_worker(worker, "a puppet")

    def _come_late(self, store: Store, run: int, worker: int, claim: Claim, number: int) -> None:
        token = claim.token

        def taken_back() -> bool:
            return not store.claims.is_live(token)

        wait_until(taken_back, PATIENCE, f"the lease {token} of a silent worker to be taken back")
        self.played += 1
        self._tell(number, "asked", worker, claim)
        settlements = [Settlement(job.id, "done", 0.0) for job in claim.jobs]
        try:
            store.settle(run, worker, token, settlements)
        except StaleLeaseError:
            self._tell(number, "refused", worker, claim)
        else:
            self._tell(number, "accepted", worker, claim)
            self.it.broken("stale accepted", f"puppet {worker} settled under token {token}")
        if store.renew(token, self.lease_seconds):
            self.it.broken("stale accepted", f"puppet {worker} renewed token {token}")

    def _tell(self, number: int, event: str, worker: int, claim: Claim) -> None:
        line: dict[str, Any] = {
            "event": event, "at": time.monotonic(), "worker": worker, "token": claim.token,
            "jobs": [job.id for job in claim.jobs], "states": ["done"],
        }  # fmt: skip
        with (self.site.inside / f"9{number:05}-0.account").open("a") as file:
            file.write(json.dumps(line) + "\n")
