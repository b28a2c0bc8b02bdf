"""The worker's loop: claim -> run -> publish -> settle, until nothing is left."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import sys
import threading
import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ledger.errors import JobError, TransientJobError, UncertainJobError
from ledger.jobs import FIRST_QUEUE, AttemptRecord, MadeFile, Settlement
from ledger.process import clock
from ledger.process.fault_points import Point, reached
from ledger.process.logs import WorkerLog
from ledger.process.wakeup import Wakeup
from ledger.process.worker_state import WorkerState
from ledger.project.load import STATE_FOLDER, Project, parse_project
from ledger.store.claims import StaleLeaseError, Store
from ledger.store.plan import read_facts
from worker.context import Context
from worker.failing import reason_for
from worker.publish import Publisher

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ledger.jobs import Claim, Job, Published
    from ledger.planning.kinds import Kind

# A crash repeats at most what was not settled, so pure jobs settle together for as long as
# that is little, and jobs with effects one by one. Claims cost nothing in a crash, so a batch
# is what fits into that time.
SETTLE_SECONDS = 0.25
MAX_BATCH = 256
BACKOFF_SECONDS = 1.0
FRESH_SECONDS = 1.0
"""A lease that was taken or renewed so lately need not be renewed before an effect."""

Finished = tuple["Job", "Settlement"]
"""A job, and how it ended."""


class Worker:
    """One worker process: its claim, its job in hand, its way out."""

    def __init__(self, project: Project, run: int, number: int, cool_down: float) -> None:
        self.store = Store(project.ledger_path)
        self.project = _as_planned(project, self.store)
        self.run = run
        self.cool_down = cool_down
        self.batch = 1
        self.keep_going = bool(self.store.last_run()["keep_going"])  # type: ignore[index]
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
        self.context = Context(self.project, facts, self.store, self.log)
        self.context.store = self.store
        self.context.scratch = project.state / "scratch" / str(self.id)
        self.renewed = 0.0
        self.prepared: set[str] = set()

    @property
    def lease_seconds(self) -> float:
        """How long a claim lives without a heartbeat."""
        return self.project.settings.workers.lease_seconds

    def work(self) -> None:
        """Claim and do jobs until the run is over or this worker is asked to leave."""
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
            with suppress(StaleLeaseError):  # then there is nothing to give back
                self._settle(claim, [])
        shutil.rmtree(self.context.scratch, ignore_errors=True)
        drained = self.draining and not self.store.outlook(self.run).over
        self.store.end_worker(self.id, "drained" if drained else "finished")
        self.log.info("worker left", drained=drained)

    def drain(self) -> None:
        """Leave after the job in hand; may be called from a signal handler or a thread."""
        self.draining = True
        self.wakeup.notify()

    def _claim(self) -> Claim | None:
        return self.store.claim(self.run, self.id, self.batch, self.lease_seconds)

    def _do_batch(self, claim: Claim) -> Claim | None:
        """Do the jobs of a claim for as long as they may settle together, and give back the rest.

        Returns the next claim, taken in the transaction that settles this one.
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
            if self.settled:  # a line a claim, since a line a job would be a fifth of its cost
                self.log.info("settled", token=claim.token, jobs=self.settled)
                self.settled = []
            if self.cool_down:
                self.wakeup.wait(self.cool_down)

    def _do_jobs(self, claim: Claim) -> tuple[list[Finished], bool]:
        """Do jobs until it is time to settle; returns what is to settle, and whether to stop."""
        started = time.perf_counter()
        known = self.store.published(claim.token)
        finished: list[Finished] = []
        done, elapsed, stop = 0, 0.0, False
        for number, job in enumerate(claim.jobs, start=1):
            if self._has_effects(job) and not self._is_cleared(claim, job):
                break
            done = number
            settlement = self._do(job, known.get(job.id, {}))
            finished.append((job, settlement))
            elapsed = time.perf_counter() - started
            stop = settlement.state == "failed" and not self.keep_going
            stop = stop or self.draining or self.heartbeat.lost == claim.token
            if stop or elapsed > SETTLE_SECONDS:
                break
            if self._has_effects(job) and done < len(claim.jobs):
                # that also shows that the lease, and so the next job, is still this worker's
                self._settle(claim, finished, keep=True)
                finished = []
        self.batch = self._next_batch(done, elapsed)
        return finished, stop

    def _has_effects(self, job: Job) -> bool:
        """Whether a job changes more than its outputs; one whose kind cannot be loaded will fail."""
        if job.phase >= FIRST_QUEUE:
            return True
        try:
            return self.kinds[job.kind].effects
        except Exception:  # noqa: BLE001  to run it says why
            return False

    def _is_cleared(self, claim: Claim, job: Job) -> bool:
        """Whether a job with effects may begin: its time has come and its lease is fresh."""
        if job.kind not in self.prepared:
            self.prepared.add(job.kind)
            with suppress(Exception):  # what stands in its way the job itself will tell
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
        """As many as should fit into SETTLE_SECONDS, growing fourfold at most."""
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
        """Write what came of the claim, give back or keep what was not done, go on if asked to."""
        after = self.store.settle(
            self.run, self.id, claim.token, [settlement for _, settlement in finished], keep=keep,
            claim=self.batch if proceed and not self.draining else 0,
            lease_seconds=self.lease_seconds,
        )  # fmt: skip
        if finished and self._has_effects(finished[-1][0]):
            # an effect that is not settled may be repeated: it is in hand until it is
            self.state.leave()
        self.settled += [job.name for job, _ in finished]
        if after is not None:
            self.renewed = self.store.now()
        return after

    def _do(self, job: Job, owned: dict[str, Published]) -> Settlement:
        """Run one job and publish what it makes."""
        self.state.enter(job)
        record = AttemptRecord(clock.wall()) if job.phase >= FIRST_QUEUE else None
        self.context.record = record
        reached(Point.JOB_IN_FLIGHT)
        started = time.perf_counter()
        try:
            outputs = self._publish(job, owned)
            reached(Point.JOB_RAN)
        except Exception as error:  # noqa: BLE001  whatever a job raises is that job's failure
            settlement = self._failed(job, error, time.perf_counter() - started)
        else:
            settlement = Settlement(job.id, "done", time.perf_counter() - started, outputs)
        if record is not None:
            settlement = settlement._replace(record=record)
        # not in a `finally`: what ends the worker does so with the job in hand
        if not self._has_effects(job):
            self.state.leave()
        return settlement

    def _publish(self, job: Job, owned: dict[str, Published]) -> tuple[Published, ...]:
        made = []
        for output in self.kinds[job.kind].run(job, self.context):
            if output.path not in owned:
                raise JobError(
                    f"{job.name} made {output.path}, which is not among its planned outputs",
                    remedy=f"name it in `plan` of the kind {job.kind!r}",
                )
            publish = (
                self.publisher.publish_file
                if isinstance(output, MadeFile)
                else self.publisher.publish
            )
            made.append(publish(output, owned[output.path]))
        missing = set(owned) - {published.path for published in made}
        if missing:
            raise JobError(
                f"{job.name} did not make {min(missing)}",
                remedy=f"make it in `run` of the kind {job.kind!r}, or do not plan it",
            )
        return tuple(made)

    def _failed(self, job: Job, error: Exception, seconds: float) -> Settlement:
        reason = reason_for(job, error)
        again = isinstance(error, TransientJobError) and job.attempt < job.max_attempts
        record = self.context.record
        if record is not None and record.retries is not None:
            again = again and job.attempt <= record.retries
        if isinstance(error, UncertainJobError):
            again = again and not self._parks(job)
        self.log.error("job failed", job=job.name, attempt=job.attempt, error=error)
        if not again:
            return Settlement(job.id, "failed", seconds, reason=reason)
        delay = BACKOFF_SECONDS * 2 ** (job.attempt - 1)
        after = max(delay, error.after if isinstance(error, TransientJobError) else 0.0)
        return Settlement(
            job.id, "pending", seconds, reason=reason, not_before=self.store.now() + after
        )

    def _parks(self, job: Job) -> bool:
        """Whether what may have had its effect is not to be done again by itself."""
        queue = self.context.queue(job)
        return queue is not None and queue["policy"] == "park"


class PlannedKinds(dict[str, "Kind"]):
    """The kinds by name, each imported when its first job comes.

    From the modules that the plan noted: to look for entry points in all that is installed
    would cost every worker a tenth of its start.
    """

    def __init__(self, modules: dict[str, str]) -> None:
        super().__init__()
        self._modules = modules

    def __missing__(self, name: str) -> Kind:
        module = self._modules.get(name) or _installed(name)
        kind = self[name] = cast("Kind", import_module(module))
        return kind


def _installed(name: str) -> str:
    """The module of a kind that is of a queue and not of the plan."""
    from ledger.queues.kinds import module_of

    return module_of(name)


class Heartbeat:
    """Renews the lease of the batch in hand, from a thread with a connection of its own."""

    def __init__(self, project: Project, lease_seconds: float) -> None:
        self.lost = 0
        self._token = 0
        self._project = project
        self._lease_seconds = lease_seconds
        threading.Thread(target=self._beat, daemon=True, name="heartbeat").start()

    def beat_for(self, token: int) -> None:
        """Keep this lease alive from now on."""
        self._token = token

    def rest(self) -> None:
        """Keep none."""
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
            except Exception:  # noqa: BLE001, S112  one missed beat is not a death; the next tries again
                continue


def _as_planned(project: Project, store: Store) -> Project:
    """The project with the settings it was planned with, whatever the file says by now."""
    return parse_project(project.root, read_facts(store)["settings"])


def _drain_on_signals(worker: Worker) -> None:
    """SIGTERM: finish the job in hand. Ctrl+C: the same; a second one stops at once."""
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
    """Standard input is a pipe that only the coordinator holds open: its end is the coordinator's."""

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
    # what is kept is kept for good, and what is not is in no circles: looking for them every 700
    # objects is a tenth of a page's cost
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    worker.work()
    worker.store.close()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # all is written; to take Python down in order takes as long as many a job
