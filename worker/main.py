"""The worker's loop: claim -> execute (run, publish) -> settle, until nothing is left."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ledger.jobs import FIRST_QUEUE
from ledger.process.logs import WorkerLog
from ledger.process.wakeup import Wakeup
from ledger.process.worker_state import WorkerState
from ledger.project.load import STATE_FOLDER, Project, parse_project
from ledger.store.claims import StaleLeaseError
from ledger.store.plan import read_facts
from ledger.store.store import Store
from worker.context import Context
from worker.execute import PlannedKinds, execute
from worker.publish import Publisher

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ledger.jobs import Claim, Job, Settlement
    from worker.execute import Owned

# What was not settled is delivered again after a crash. So pure jobs settle together as long as
# repeating them costs little, and jobs with effects one by one. Giving back a claim costs nothing,
# so a batch is what fits into that time.
SETTLE_SECONDS = 0.25
MAX_BATCH = 256
FRESH_SECONDS = 1.0
"""A lease taken or renewed within this time need not be renewed before an effect."""

Finished = tuple["Job", "Settlement"]
"""A job, and how it ended."""


class Worker:
    """One worker process: its claim, its job in flight, its end."""

    def __init__(self, project: Project, run: int, number: int, cool_down: float) -> None:
        self.store = Store(project.ledger_path)
        self.project = _as_planned(project, self.store)
        self.run = run
        self.cool_down = cool_down
        self.batch = 1
        latest = self.store.runs.latest()
        self.keep_going = latest is not None and bool(latest.keep_going)
        self.id = self.store.start_worker(run, number, os.getpid())
        self.state = WorkerState(project.state / "workers", self.id)
        self.log = WorkerLog(project.state, run, worker=number)
        self.draining = False
        self.settled: list[str] = []
        self.wakeup = Wakeup()
        self.heartbeat = Heartbeat(project, self.lease_seconds)
        output = self.project.settings.site.output
        self.publisher = Publisher(project.root, (output, STATE_FOLDER), self.id)
        facts = read_facts(self.store)
        self.kinds = PlannedKinds(facts["kinds"])
        scratch = project.state / "scratch" / str(self.id)
        self.context = Context(self.project, facts, self.store, self.log, scratch)
        self.renewed = 0.0
        self.prepared: set[str] = set()

    @property
    def lease_seconds(self) -> float:
        """How long a claim lives without a heartbeat."""
        return self.project.settings.workers.lease_seconds

    def work(self) -> None:
        """Claim and execute jobs until the run is over or this worker is drained."""
        self.log.info("worker started", pid=os.getpid())
        claim = self._claim()
        while not self.draining:
            if claim is not None:
                claim = self._do_batch(claim)
                continue
            outlook = self.store.outlook(self.run)
            if outlook.over:
                break
            self.wakeup.wait(min(outlook.wait, 1.0))
            claim = self._claim()
        if claim is not None:
            with suppress(StaleLeaseError):  # nothing is left to give back
                self._settle(claim, [])
        shutil.rmtree(self.context.scratch, ignore_errors=True)
        drained = self.draining and not self.store.outlook(self.run).over
        self.store.end_worker(self.id, "drained" if drained else "finished")
        self.log.info("worker left", drained=drained)

    def drain(self) -> None:
        """Leave after the job in flight; may be called from a signal handler or a thread."""
        self.draining = True
        self.wakeup.notify()

    def _claim(self) -> Claim | None:
        return self.store.claim(self.run, self.id, self.batch, self.lease_seconds)

    def _do_batch(self, claim: Claim) -> Claim | None:
        """Execute as many jobs of a claim as may settle together, and give back the rest.

        Return the next claim, taken in the transaction that settles this one.
        """
        self.heartbeat.beat_for(claim.token)
        try:
            finished, stop = self._do_jobs(claim)
            return self._settle(claim, finished, proceed=not (stop or self.cool_down))
        except StaleLeaseError as error:
            self.log.warning("lease lost", token=claim.token, why=str(error))
            self.state.leave()
            return None
        finally:
            self.heartbeat.rest()
            if self.settled:  # one line a claim: one line a job would be a fifth of the job's cost
                self.log.info("settled", token=claim.token, jobs=self.settled)
                self.settled = []
            if self.cool_down:
                self.wakeup.wait(self.cool_down)

    def _do_jobs(self, claim: Claim) -> tuple[list[Finished], bool]:
        """Execute jobs until it is time to settle; return the finished, and whether to stop."""
        started = time.perf_counter()
        known = self.store.published(claim.token)
        finished: list[Finished] = []
        done, elapsed, stop = 0, 0.0, False
        for number, job in enumerate(claim.jobs, start=1):
            if self.kinds.has_effects(job) and not self._is_cleared(claim, job):
                break
            done = number
            settlement = self._execute(job, known.get(job.id, {}))
            finished.append((job, settlement))
            elapsed = time.perf_counter() - started
            stop = settlement.state == "failed" and not self.keep_going
            stop = stop or self.draining or self.heartbeat.lost == claim.token
            if stop or elapsed > SETTLE_SECONDS:
                break
            if self.kinds.has_effects(job) and done < len(claim.jobs):
                # this also proves that the lease, and with it the next job, is still held
                self._settle(claim, finished, keep=True)
                finished = []
        self.batch = self._next_batch(done, elapsed)
        return finished, stop

    def _is_cleared(self, claim: Claim, job: Job) -> bool:
        """Whether a job with effects may begin: its start time has come and its lease is fresh."""
        if job.kind not in self.prepared:
            self.prepared.add(job.kind)
            with suppress(Exception):  # the job itself will fail for it, and report it
                getattr(self.kinds[job.kind], "prepare", lambda _: None)(self.context)
        while (wait := claim.start - self.store.now()) > 0 and not self.draining:
            self.wakeup.wait(wait)
        if self.draining:
            return False
        if self.store.now() - self.renewed > FRESH_SECONDS:
            self.renewed = self.store.now()
            self.store.keep(claim.token, self.lease_seconds)
        return job.phase < FIRST_QUEUE or self.store.may_begin(job.phase, claim.start)

    def _next_batch(self, jobs: int, seconds: float) -> int:
        """The number of jobs that should fit into SETTLE_SECONDS, growing fourfold at most."""
        fitting = int(jobs * SETTLE_SECONDS / max(seconds, 1e-9))
        return max(1, min(fitting, jobs * 4, MAX_BATCH))

    def _settle(
        self,
        claim: Claim,
        finished: Sequence[Finished],
        *,
        keep: bool = False,
        proceed: bool = False,
    ) -> Claim | None:
        """Settle what is finished, give back or keep the rest, and claim more to `proceed`."""
        after = self.store.settle(
            self.run, self.id, claim.token, [settlement for _, settlement in finished], keep=keep,
            claim=self.batch if proceed and not self.draining else 0,
            lease_seconds=self.lease_seconds,
        )  # fmt: skip
        if finished and self.kinds.has_effects(finished[-1][0]):
            # an effect that is not settled may be repeated: until then the job is in flight
            self.state.leave()
        self.settled += [job.name for job, _ in finished]
        if after is not None:
            self.renewed = self.store.now()
        return after

    def _execute(self, job: Job, owned: Owned) -> Settlement:
        self.state.enter(job)
        settlement = execute(job, owned, self.kinds, self.context, self.publisher)
        # not in a `finally`: what ends the worker ends it with the job in flight
        if not self.kinds.has_effects(job):
            self.state.leave()
        return settlement


class Heartbeat:
    """Renews the lease of the batch in flight, from a thread with a connection of its own."""

    def __init__(self, project: Project, lease_seconds: float) -> None:
        self.lost = 0
        self._token = 0
        self._project = project
        self._lease_seconds = lease_seconds
        threading.Thread(target=self._beat, daemon=True, name="heartbeat").start()

    def beat_for(self, token: int) -> None:
        """Renew this lease from now on."""
        self._token = token

    def rest(self) -> None:
        """Renew none."""
        self._token = 0

    def _beat(self) -> None:
        store: Store | None = None
        while True:
            time.sleep(self._lease_seconds / 3)
            token = self._token
            if not token:
                continue
            try:
                store = store or Store(self._project.ledger_path)
                if not store.renew(token, self._lease_seconds) and token == self._token:
                    self.lost = token
            except Exception:  # noqa: BLE001, S112  one missed heartbeat loses no lease; the next tries again
                continue


def _as_planned(project: Project, store: Store) -> Project:
    """The project with the settings of its plan, whatever ledger.toml says by now."""
    return parse_project(project.root, read_facts(store)["settings"])


def _drain_on_signals(worker: Worker) -> None:
    """SIGTERM: finish the job in flight. Ctrl+C: the same; a second one stops at once."""
    interrupts = 0

    def terminate(*_: object) -> None:
        worker.drain()

    def interrupt(*_: object) -> None:
        nonlocal interrupts
        interrupts += 1
        if interrupts > 1:
            os._exit(130)
        worker.drain()

    signal.signal(signal.SIGTERM, terminate)
    signal.signal(signal.SIGINT, interrupt)


def _drain_with_coordinator(worker: Worker) -> None:
    """Drain when standard input ends: only the coordinator holds that pipe open."""

    def watch() -> None:
        while os.read(0, 64):
            pass
        worker.drain()

    threading.Thread(target=watch, daemon=True, name="parent-pipe").start()


def main() -> None:
    """Entry point of `python -m worker ROOT RUN NUMBER COOL_DOWN`, as the coordinator calls it."""
    root, run, number, cool_down = sys.argv[1:]
    project = parse_project(Path(root), "")
    worker = Worker(project, int(run), int(number), float(cool_down))
    _drain_on_signals(worker)
    _drain_with_coordinator(worker)
    # What is kept is kept until the end, and the rest is in no reference cycles: to look for
    # cycles every 700 objects is a tenth of what a page costs.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    worker.work()
    worker.store.close()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # all is written; an orderly shutdown of Python takes as long as many a job
