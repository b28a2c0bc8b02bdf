"""Five workers and a coordinator, simulated: any order of operations, a death between any two statements.

Every operation runs on a real SQLite file, each actor on a connection of its own, on a clock that
only the simulation moves. A model (`model.py`) predicts every row after every step; an operation
that is killed before its COMMIT leaves behind what was there before it.
"""

from __future__ import annotations

import tempfile
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from store.killable import KillableStore
from store.model import Model, Run

from ledger.errors import Reason
from ledger.jobs import Claim, Planned, Published, Settlement
from ledger.process import clock
from ledger.store.claims import StaleLeaseError
from ledger.store.migrations import migrate
from ledger.store.plan import PlannedJob, replan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Ledger

    from ledger.store.reports import KindCount

WORKERS = 5
COORDINATOR = WORKERS
LEASE = 30.0
DIED, SILENT, BROKE = Reason("died"), Reason("silent"), Reason("broke")
KILLED, REFUSED = object(), object()
TABLES = (
    "failures outputs jobs counters leases workers runs facts stale_outputs sqlite_sequence".split()
)
# (kind, phase, priority, position) of all the jobs that a plan may hold
JOBS = [
    ("embed", 0, 0, None), ("page", 1, 0, 0), ("embed", 0, 2, None), ("embed", 0, 1, None),
    ("page", 1, 1, 1), ("embed", 0, 0, None), ("word", 1, 1, None), ("embed", 0, 2, None),
    ("page", 1, 0, 2), ("page", 1, 2, 3),
]  # fmt: skip
CHOICES_OF_KINDS = [None, ["page"], ["embed", "page"], ["embed", "word"], []]
STEPS_OF_TIME = [0.5, 10.0, 20.0, LEASE, LEASE + 1, 2 * LEASE, 3_600.0, -5.0]
LAST_STATEMENT = 16  # of most transactions, about

NUMBERS = st.integers(0, 59)
CHOICES = st.integers(0, 2**16 - 1)
KILLS = st.integers(0, 2 * LAST_STATEMENT)
STEPS = """
    claim claim claim_too_late settle settle settle settle go_on go_on settle_anything renew
    pass_time pass_time crash bury bury look reap_expired reap_expired retry_failed start_run
""".split()
MORE_STEPS = """
    claim claim settle settle settle go_on go_on settle_anything renew pass_time crash bury look
    reap_expired retry_failed start_run plan_again plan_again plan_again plan_again requeue
    retry_all select end_run run_dies recover
""".split()


class World:
    """One ledger file with a connection for each actor, emptied for every example."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "ledger.db"
        self.time, self.boot = 0.0, 0
        self._stores: dict[int, KillableStore] = {}
        migrate(self.path)

    def store(self, actor: int) -> KillableStore:
        """An actor's connection, opened when it is needed."""
        if actor not in self._stores:
            self._stores[actor] = KillableStore(self.path, lambda: self.time)
        return self._stores[actor]

    def reset(self) -> None:
        """Make the file as new as it was."""
        for actor, connection in [(key, store.connection) for key, store in self._stores.items()]:
            if connection.inside or connection.strays:
                self.drop(actor)  # the example before failed there
        store = self.store(COORDINATOR)
        with store.immediate():
            for table in TABLES:
                store.connection.execute(f"DELETE FROM {table}")
        self.time = 1_000.0
        self.boot = 1
        store.recover_after_reboot()

    def drop(self, actor: int) -> None:
        """The actor's process is gone."""
        self._stores.pop(actor).close()

    def act(self, actor: int, kill: int, operation: Callable[[KillableStore], Any]) -> Any:
        """What an operation gives; REFUSED under a stale token; KILLED when its process was."""
        store = self.store(actor)
        store.connection.fuse = kill if kill <= LAST_STATEMENT else 0
        try:
            return operation(store)
        except StaleLeaseError:
            return REFUSED
        except BaseException:
            if not store.connection.dead:
                raise
            self.drop(actor)
            return KILLED
        finally:
            store.connection.fuse = 0
            store.database.overtaken_by = None
            assert [] == store.connection.strays, "written outside of BEGIN IMMEDIATE"

    def close(self) -> None:
        """Close the connections."""
        for actor in [*self._stores]:
            self.drop(actor)


def planned(n: int) -> PlannedJob:
    """One of the jobs, with one output."""
    kind, phase, priority, position = JOBS[n]
    job = Planned(str(n), "f", (f"site/{n}",), position=position, priority=priority)
    return PlannedJob(kind, phase, job)


def without(job: PlannedJob, *paths: str) -> PlannedJob:
    """A job that has lost these outputs to another."""
    kept = tuple(path for path in job.planned.outputs if path not in paths)
    return replace(job, planned=replace(job.planned, outputs=kept))


@dataclass
class Held:
    """A claim as its worker knows it: which paths each job is to make."""

    claim: Claim
    paths: dict[int, list[str]]

    @property
    def jobs(self) -> list[int]:
        """The jobs, by number."""
        return [job.id for job in self.claim.jobs]

    def without(self, settled: set[int]) -> Held:
        """What is left of it."""
        left = tuple(job for job in self.claim.jobs if job.id not in settled)
        return Held(Claim(self.claim.token, left), self.paths)

    def settlements(self, endings: int, now: float) -> list[Settlement]:
        """How its jobs ended, a digit in base 4 each: done, failed, later, or not done at all."""
        digits = [endings // 4**place % 4 for place in range(len(self.claim.jobs))]
        return [
            self._settlement(job, digit, now)
            for job, digit in zip(self.jobs, digits, strict=True)
            if digit < 3
        ]

    def _settlement(self, job: int, digit: int, now: float) -> Settlement:
        if digit == 0:
            made = tuple(Published(path, 1, "d", "i") for path in self.paths.get(job, []))
            return Settlement(job, "done", 0.1, made)
        if digit == 1:
            return Settlement(job, "failed", 0.1, reason=BROKE)
        return Settlement(job, "pending", 0.1, reason=BROKE, not_before=now + 20)


@dataclass
class Worker:
    """What a worker process knows; `held` is what it believes to hold, rightly or not."""

    actor: int
    id: int
    run: int
    held: Held | None = None
    last: Held | None = None  # what its slot may still name
    alive: bool = True

    def forget(self) -> None:
        """It is killed; its slot stays."""
        self.alive, self.held = False, None

    def in_flight(self, number: int) -> int | None:
        """The job that its slot names: one that it claimed last, or none, or whatever is there."""
        mine = [None, *(self.last.jobs if self.last else ())]
        return mine[number // 4 % len(mine)] if number % 4 else 1 + number // 4 % len(JOBS)


class LeaseMachine(RuleBasedStateMachine):
    """The lease protocol under crashes, zombies, clock steps and late writes.

    A step does one of STEPS, each as likely as it is often there. They are methods that share one
    rule, since Hypothesis leaves out some of the rules in every example: without settlements, or
    without claims, not much happens. `number` says who, `choice` the rest, `kill` before which
    statement the process ends.
    """

    world: World

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.workers: list[Worker] = []
        self.claims: list[Held] = []
        self.suspects: set[int] = set()
        self.plan: dict[int, PlannedJob] = {}
        self.seen: object = None
        self.world.reset()

    @initialize(
        jobs=st.integers(1, len(JOBS)), attempts=st.integers(1, 2),
        fast=st.integers(0, 3), limits=st.integers(0, 63),
    )  # fmt: skip
    def begin(self, jobs: int, attempts: int, fast: int, limits: int) -> None:
        """Jobs are planned, a run is open, and workers that have claimed are there."""
        self.model.max_attempts = attempts
        self.replan({n: planned(n) for n in range(jobs)}, 0)
        self.open_run(keep_going=fast < 3)
        self.workers = [Worker(actor, *self.registered()) for actor in range(WORKERS)]
        for worker in self.workers[:3]:
            if limit := limits // 4**worker.actor % 4:
                self.take(worker, limit, 0)

    @rule(what=st.sampled_from(STEPS), number=NUMBERS, choice=CHOICES, kill=KILLS)
    def step(self, what: str, number: int, choice: int, kill: int) -> None:
        """Anything happens."""
        getattr(self, what)(number, choice, kill)

    # -- what workers do --------------------------------------------------------------

    def claim(self, number: int, choice: int, kill: int) -> None:
        """A worker asks for jobs; if all hold some already, one of them asks for more."""
        idle = [worker for worker in self.workers if worker.alive and not worker.held]
        if worker := idle[number % len(idle)] if idle else self.living(number):
            self.take(worker, 1 + choice % 3, kill)

    def claim_too_late(self, number: int, choice: int, _: int) -> None:
        """Between a worker's look and its transaction another one takes jobs, or the run stops."""
        worker, quicker = self.living(number), self.living(number + 1)
        if not worker or not quicker or worker is quicker:
            return
        over = self.model.open_phase(worker.run) is None

        def overtake() -> None:
            assert not over, "a look was enough to see that there is nothing"
            if choice % 8:
                self.take(quicker, 1 + choice // 8 % 3, 0)
            else:
                self.stop_run()

        self.world.store(worker.actor).database.overtaken_by = overtake
        self.take(worker, 1 + choice // 32 % 3, 0)

    def settle(self, number: int, choice: int, kill: int) -> None:
        """A worker settles all, some or none of what it believes to hold.

        It keeps the rest under the same lease, or gives it back and claims on.
        """
        holders = [worker for worker in self.workers if worker.held and worker.alive]
        if not holders:
            return
        worker = holders[number % len(holders)]
        held, worker.held = worker.held, None
        assert held
        token, keep = held.claim.token, choice // 4 % 4 == 3
        settlements = held.settlements(choice // 16, self.now)
        if keep and self.settle_as(worker, token, settlements, None, kill):
            worker.held = held.without({item.job for item in settlements})
        elif not keep:
            self.settle_as(worker, token, settlements, choice % 4, kill)

    def go_on(self, number: int, choice: int, _: int) -> None:
        """A worker settles all as done and goes on with the next, as most of them do."""
        self.settle(number, choice % 4, 0)

    def settle_anything(self, number: int, choice: int, _: int) -> None:
        """Anybody, under any token there ever was, for the jobs of any claim there ever was."""
        worker = self.living(number)
        if worker and self.claims:
            token = self.any_claim(choice).claim.token
            theirs = Held(self.any_claim(choice // 6).claim, self.paths())
            settlements = theirs.settlements(choice // 36, self.now)
            self.settle_as(worker, token, settlements, choice % 2, 0)

    def renew(self, number: int, choice: int, kill: int) -> None:
        """A heartbeat for any claim there ever was."""
        if self.claims:
            seconds = [5.0, LEASE, 100.0][choice % 3]
            self.beat(self.any_claim(number).claim.token, seconds, kill)

    def beat(self, token: int, seconds: float, kill: int) -> None:
        """It extends a lease that is live, and no other."""
        renewed = self.world.act(COORDINATOR, kill, lambda store: store.renew(token, seconds))
        if renewed is KILLED:
            return
        lease = self.model.leases.get(token)
        assert (lease is not None) == renewed
        if lease:
            lease.expires = max(lease.expires, self.now + seconds)

    # -- what befalls them ------------------------------------------------------------

    def pass_time(self, _: int, choice: int, __: int) -> None:
        """Time goes on, or back; who does nothing meanwhile was paused."""
        self.world.time += STEPS_OF_TIME[choice % len(STEPS_OF_TIME)]

    def crash(self, number: int, _: int, __: int) -> None:
        """A worker is killed while it runs a job; nobody has noticed yet."""
        if worker := self.living(number):
            worker.forget()

    def bury(self, number: int, choice: int, kill: int) -> None:
        """The coordinator takes back what a worker held, which it believes dead.

        If it is, another one is started. If it was alive it is a zombie now, and settles later.
        """
        holders = {lease.worker for lease in self.model.leases.values()}
        some = [worker for worker in self.workers if worker.id in holders and number % 4]
        worker = (some or self.workers)[number // 4 % len(some or self.workers)]
        if (
            self.reap_worker(worker, worker.run, worker.in_flight(choice), kill)
            and not worker.alive
        ):
            self.workers[worker.actor] = Worker(worker.actor, *self.registered())

    def look(self, *_: int) -> None:
        """The coordinator's first look at what has expired."""
        self.suspects = self.world.store(COORDINATOR).expired()
        assert self.model.expired(self.now) == self.suspects

    def reap_expired(self, number: int, choice: int, kill: int) -> None:
        """The second look: what was expired at the first and is so still is taken back.

        Sometimes one that was late for the first has shown a sign of life by the second.
        """
        if self.suspects and choice // 64 % 3 == 0:
            self.beat(sorted(self.suspects)[number % len(self.suspects)], LEASE, 0)
        suspects, run = self.suspects, self.run
        in_flight = {worker.id: worker.in_flight(choice) for worker in self.workers}
        reaped = self.world.act(
            COORDINATOR,
            kill,
            lambda store: store.reap_expired(run, suspects, in_flight.get, SILENT),
        )
        if reaped is not KILLED:
            tokens = sorted(suspects & self.model.expired(self.now))
            workers = [self.model.leases[token].worker for token in tokens]
            for token, worker in zip(tokens, workers, strict=True):
                self.model.reap(run, worker, token, in_flight.get(worker))
            assert sorted(workers) == sorted(reaped)
        if number % 2:
            self.look()

    # -- what people do ---------------------------------------------------------------

    def retry_failed(self, _: int, __: int, kill: int) -> None:
        """Put the failed jobs back."""
        count = self.world.act(COORDINATOR, kill, lambda store: store.retry(failed_only=True))
        if count is not KILLED:
            assert self.model.put_back("failed") == count

    def start_run(self, number: int, choice: int, _: int) -> None:
        """The next run, if this one is at its end; who is left of it gets nothing more."""
        if self.model.is_stopping(self.run):
            self.open_run(keep_going=choice % 4 < 3)
            for worker in self.workers:
                worker.run = worker.run if worker.actor == number else self.run

    # -- in short ---------------------------------------------------------------------

    @property
    def now(self) -> float:
        """The time."""
        return self.world.time

    @property
    def run(self) -> int:
        """The latest run."""
        return max(self.model.runs)

    def living(self, number: int) -> Worker | None:
        """One of the workers that live, if any does."""
        living = [worker for worker in self.workers if worker.alive]
        return living[number % len(living)] if living else None

    def any_claim(self, number: int) -> Held:
        """One of the last claims."""
        return self.claims[-1 - number % min(len(self.claims), 6)]

    def registered(self) -> tuple[int, int]:
        """(id, run) of a new worker."""
        return self.world.store(COORDINATOR).start_worker(self.run, 1, 1), self.run

    def act(self, worker: Worker, kill: int, operation: Callable[[KillableStore], Any]) -> Any:
        """An operation of a worker, which may be its last."""
        result = self.world.act(worker.actor, kill, operation)
        if result is KILLED:
            worker.forget()
        return result

    def take(self, worker: Worker, limit: int, kill: int) -> None:
        """A claim."""
        got = self.act(worker, kill, lambda store: store.claim(worker.run, worker.id, limit, LEASE))
        self.took(worker, got, limit)

    def took(self, worker: Worker, got: Any, limit: int) -> None:
        """A claim holds what the model says may be claimed, in that order."""
        if got is KILLED:
            return
        expected = self.model.claimable(worker.run, self.now)[:limit]
        assert expected == [job.id for job in (got.jobs if got else ())]
        if got is None:
            return
        attempts = [self.model.jobs[job.id].attempts + 1 for job in got.jobs]
        assert attempts == [job.attempt for job in got.jobs]
        self.model.take(got.token, worker.id, self.now + LEASE, expected)
        worker.held = worker.last = Held(got, self.paths())
        self.claims.append(worker.held)

    def settle_as(
        self, worker: Worker, token: int, settlements: list[Settlement], then: int | None, kill: int
    ) -> bool:
        """Settle; it must be accepted exactly when the model says so. Then claim, or keep the rest."""
        keep = then is None
        got = self.act(
            worker, kill,
            lambda store: store.settle(
                worker.run, worker.id, token, settlements,
                keep=keep, claim=then or 0, lease_seconds=LEASE,
            ),
        )  # fmt: skip
        if got is KILLED:
            return False
        accepted = self.model.accepts(token, [item.job for item in settlements])
        assert accepted == (got is not REFUSED)
        if accepted:
            self.model.settle(worker.run, worker.id, token, settlements, keep=keep)
            self.took(worker, got, then or 0)
        return accepted

    def paths(self) -> dict[int, list[str]]:
        """The outputs of each job as they are planned now."""
        paths: dict[int, list[str]] = {}
        for path, (job, _) in self.model.outputs.items():
            paths.setdefault(job, []).append(path)
        return paths

    def reap_worker(self, worker: Worker, run: int, in_flight: int | None, kill: int) -> bool:
        """Take back all that a worker holds; False when the coordinator was killed at it."""
        states = self.world.act(
            COORDINATOR, kill, lambda store: store.reap_worker(run, worker.id, in_flight, DIED)
        )
        if states is KILLED:
            return False
        assert states == [
            state
            for token in self.model.held_by(worker.id)
            for state in self.model.reap(run, worker.id, token, in_flight)
        ]
        return True

    def open_run(self, *, keep_going: bool) -> None:
        """A run begins, and ends those that were left open."""
        run = self.world.store(COORDINATOR).start_run(WORKERS, keep_going=keep_going)
        assert run not in self.model.runs
        for before in self.model.runs.values():
            before.ended = True
        self.model.runs[run] = Run(keep_going)

    def stop_run(self) -> None:
        """No new claims in this run."""
        self.world.store(COORDINATOR).stop_run(self.run)
        self.model.runs[self.run].stopping = True

    def replan(self, plan: dict[int, PlannedJob], kill: int) -> None:
        """Make the ledger hold these jobs."""
        jobs = [*plan.values()]
        changes = self.world.act(
            COORDINATOR, kill,
            lambda store: replan(
                store, jobs=jobs, documents=[], facts={"corpus": ""},
                max_attempts=self.model.max_attempts,
            ),
        )  # fmt: skip
        if changes is not KILLED:
            self.plan = plan
            self.model.replan(jobs)

    # -- what always holds --------------------------------------------------------------

    @invariant()
    def all_is_as_predicted(self) -> None:
        """Nothing is lost, charged or changed that should not be, and the counters count."""
        store = self.world.store(COORDINATOR)
        if (version := store.version()) == self.seen:
            return  # nothing was written; if the model goes wrong here it is seen later
        self.seen = version
        self.model.check(store)
        for job in self.model.jobs.values():
            assert (job.state == "running") == (job.token in self.model.leases)
        for number, made in self.model.outputs.values():
            assert made or self.model.jobs[number].state != "done", "done, but not made"

    def teardown(self) -> None:
        """From any state a fresh worker ends with every job done or failed; after a retry, done."""
        store = self.world.store(COORDINATOR)
        if not self.model.runs or store.connection.inside:
            return
        self.model.check(store)
        for lease in [*self.model.leases.values()]:
            store.reap_worker(self.run, lease.worker, None, DIED)
        store.select()
        counts = self.work_off(failing=True)
        left = sum(count.pending + count.running + count.deselected for count in counts)
        assert not left or any(count.failed for count in counts), "only a failed phase blocks"
        store.retry(failed_only=True)
        counts = self.work_off(failing=False)
        assert len(self.model.jobs) == sum(count.done for count in counts)
        assert len(self.model.jobs) == sum(count.total + count.deselected for count in counts)

    def work_off(self, *, failing: bool) -> list[KindCount]:
        """One worker claims until nothing is left; the job counts then."""
        store = self.world.store(COORDINATOR)
        run = store.start_run(1, keep_going=True)
        worker = store.start_worker(run, 1, 1)
        claim = None
        for _ in range(10 * len(JOBS)):
            claim = claim or store.claim(run, worker, 3, LEASE)
            if claim:
                endings = claim.token % 3 if failing else 0
                settlements = Held(claim, {}).settlements(endings, self.now)
                claim = store.settle(
                    run, worker, claim.token, settlements, claim=2, lease_seconds=LEASE
                )
            elif (outlook := store.outlook(run)).over:
                break
            else:
                self.world.time += outlook.wait
        else:
            pytest.fail("it never ends")
        return store.counts()


class LedgerMachine(LeaseMachine):
    """The same with new plans, narrow runs, whole runs that die, and restarts of the machine."""

    def __init__(self) -> None:
        super().__init__()
        self.adopted_boot = self.world.boot

    @rule(what=st.sampled_from(MORE_STEPS), number=NUMBERS, choice=CHOICES, kill=KILLS)
    def step(self, what: str, number: int, choice: int, kill: int) -> None:
        """Anything happens, and more than that."""
        getattr(self, what)(number, choice, kill)

    def plan_again(self, number: int, choice: int, kill: int) -> None:
        """A job comes or goes, changes, moves, or is given a path that may be another's."""
        n, change, detail = number % len(JOBS), choice % 5, choice // 5
        plan = dict(self.plan)
        job = plan.pop(n, planned(n))
        inner = job.planned
        if change == 1:
            job = replace(job, planned=replace(inner, fingerprint=inner.fingerprint + "x"))
        elif change == 2:
            job = replace(job, phase=1 - job.phase, planned=replace(inner, priority=detail % 3))
        elif change == 3:
            job = replace(job, planned=replace(inner, outputs=(self.any_path(detail),)))
        if change or n not in self.plan:
            plan = {m: without(other, *job.planned.outputs) for m, other in plan.items()} | {n: job}
        self.replan(dict(sorted(plan.items())), kill)

    def any_path(self, number: int) -> str:
        """A path, often one that is being made just now."""
        running = [job for job, row in self.model.jobs.items() if row.state == "running"]
        making = [path for path, (job, _) in self.model.outputs.items() if job in running]
        if making and number % 2:
            return making[number // 2 % len(making)]
        return f"site/{number // 2 % len(JOBS)}"

    def requeue(self, _: int, choice: int, kill: int) -> None:
        """The files of some done jobs were lost."""
        jobs = [n + 1 for n in range(len(JOBS)) if choice >> n & 1]
        count = self.world.act(COORDINATOR, kill, lambda store: store.requeue(jobs))
        if count is not KILLED:
            assert self.model.put_back("done", jobs=jobs) == count

    def retry_all(self, _: int, __: int, kill: int) -> None:
        """Put back whatever is settled."""
        count = self.world.act(COORDINATOR, kill, lambda store: store.retry(failed_only=False))
        if count is not KILLED:
            assert self.model.put_back("failed", "done") == count

    def select(self, number: int, choice: int, kill: int) -> None:
        """What the next run is about: everything, or less."""
        kinds = CHOICES_OF_KINDS[number % len(CHOICES_OF_KINDS)]
        documents = [None, None, 0, 1, 2][choice % 5]
        done = self.world.act(
            COORDINATOR, kill, lambda store: store.select(kinds=kinds, documents=documents)
        )
        if done is not KILLED:
            self.model.select(kinds, documents)

    def end_run(self, _: int, __: int, kill: int) -> None:
        """The coordinator leaves; workers may still be at it."""
        run = self.run
        if self.world.act(COORDINATOR, kill, lambda store: store.end_run(run, "x")) is not KILLED:
            self.model.runs[run].ended = True

    def run_dies(self, number: int, choice: int, kill: int) -> None:
        """The coordinator and its workers are killed, perhaps by a restart; the next one adopts."""
        restart = choice % 4 == 0
        for worker in self.workers:
            if restart or number >> worker.actor & 1:
                worker.forget()
        if restart:
            self.world.boot += 1
            self.world.time = 3.0
        self.suspects = set()
        self.recover(number, choice, kill)

    def recover(self, _: int, __: int, kill: int) -> None:
        """What the dead held is pending again; nobody pays. May itself be killed on the way."""
        if self.world.act(COORDINATOR, kill, lambda store: store.recover_after_reboot()) is KILLED:
            return
        if self.adopted_boot != self.world.boot:
            self.adopted_boot = self.world.boot
            for token in [*self.model.leases]:
                self.model.close(token)
            for job in self.model.jobs.values():
                job.not_before = 0.0
        for worker in [worker for worker in self.workers if not worker.alive]:
            if not self.reap_worker(worker, 0, None, kill // 2):
                return
            self.workers[worker.actor] = Worker(worker.actor, *self.registered())


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """The file lies in memory, where there is a place for that."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        world = World(Path(folder))
        with patch.object(clock, "boot_id", lambda: str(world.boot)):
            yield world
        world.close()


EXAMPLES = settings(
    max_examples=1000,
    stateful_step_count=20,
    deadline=None,
    derandomize=True,  # the same examples everywhere: what fails in CI fails here
    database=None,
    report_multiple_bugs=False,
    suppress_health_check=[*HealthCheck],
)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("machine", [LeaseMachine, LedgerMachine])
def test_simulation(world: World, machine: type[LeaseMachine]) -> None:
    """A thousand histories of each kind end as the model says, step by step."""
    machine.world = world
    run_state_machine_as_test(machine, settings=EXAMPLES)


def test_a_running_job_that_is_given_a_path_makes_it(ledger: Ledger) -> None:
    """A worker that outlived its run settles what it made under the old plan; the rest is not made.

    Neither is it seen later: `requeue_lost_outputs` compares no size with no file, which is equal.
    """
    ledger.plan([ledger.job("a", outputs=("site/a",))])
    claim = ledger.claim()
    ledger.plan([ledger.job("a", outputs=("www/a",))])
    with suppress(StaleLeaseError):  # to refuse it would be a cure as well
        ledger.settle(claim, outputs=(Published("site/a", 5, "digest", "inputs"),))

    assert {"a": "pending"} == ledger.states
