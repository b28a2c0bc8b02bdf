"""The lease protocol against a model of it: any order of claims, deaths, late writes and clock steps."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ledger.errors import Reason
from ledger.jobs import Claim, Planned, Settlement
from ledger.store.claims import StaleLeaseError
from ledger.store.migrations import migrate
from ledger.store.plan import PlannedJob, replan
from ledger.store.store import Store

LEASE = 30.0
ATTEMPTS = 2
WORKERS = 4
DIED, SILENT = Reason("died"), Reason("silent")


@dataclass
class Job:
    """What the model knows of a job."""

    phase: int
    priority: int
    state: str = "pending"
    attempts: int = 0
    token: int | None = None
    not_before: float = 0.0

    def end_attempt(self, state: str, not_before: float) -> None:
        """One attempt is over, this way."""
        self.state, self.token, self.not_before = state, None, not_before
        self.attempts += 1

    def give_back(self) -> None:
        """As if it had never been taken."""
        self.state, self.token = "pending", None

    @property
    def seen(self) -> tuple[object, ...]:
        """As the ledger's row has it."""
        return self.state, self.attempts, self.token, self.not_before


@dataclass
class Lease:
    """What the model knows of a live claim."""

    worker: int
    expires: float
    jobs: set[int] = field(default_factory=set)


class LeaseMachine(RuleBasedStateMachine):
    """Workers that claim, settle, renew, hang and die; every token ever given is used again."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.time = 1_000.0
        path = Path(self.folder.name) / "ledger.db"
        migrate(path)
        self.store = Store(path, now=lambda: self.time)
        self.store.connection.execute("PRAGMA synchronous = OFF")
        self.run = self.store.start_run(WORKERS, keep_going=True)
        self.workers = [self.store.start_worker(self.run, n, n) for n in range(WORKERS)]
        self.jobs: dict[int, Job] = {}
        self.leases: dict[int, Lease] = {}
        self.claims: list[Claim] = []

    @initialize(
        jobs=st.lists(st.tuples(st.integers(0, 1), st.integers(0, 2)), min_size=1, max_size=8)
    )
    def plan(self, jobs: list[tuple[int, int]]) -> None:
        """Jobs in one or two phases."""
        planned = [
            PlannedJob("page", phase, Planned(str(n), "f", priority=priority))
            for n, (phase, priority) in enumerate(jobs, 1)
        ]
        replan(self.store, jobs=planned, documents=[], facts={"corpus": ""}, max_attempts=ATTEMPTS)
        self.jobs = {n: Job(*job) for n, job in enumerate(jobs, 1)}

    # -- what workers do --------------------------------------------------------------

    @rule(worker=st.integers(0, WORKERS - 1), limit=st.integers(1, 4))
    def claim(self, worker: int, limit: int) -> None:
        """A worker asks for jobs, whatever it holds already."""
        expected = self.claimable()[:limit]
        claim = self.store.claim(self.run, self.workers[worker], limit, LEASE)
        self.took(worker, claim, expected)

    @precondition(lambda self: self.leases)
    @rule(data=st.data(), then=st.integers(0, 3))
    def settle(self, data: st.DataObject, then: int) -> None:
        """A holder settles some of its jobs, each in its own way, gives the rest back, claims on."""
        claim = self.draw_claim(data, live=True)
        settlements = self.draw_settlements(data, claim)
        lease = self.leases.pop(claim.token)
        after = {item.job: item for item in settlements}
        for job in lease.jobs:
            if job in after:
                self.jobs[job].end_attempt(after[job].state, after[job].not_before)
            else:
                self.jobs[job].give_back()
        expected = self.claimable()[:then]
        worker = self.workers[lease.worker]
        got = self.store.settle(
            self.run, worker, claim.token, settlements, claim=then, lease_seconds=LEASE
        )
        self.took(lease.worker, got, expected)

    @precondition(lambda self: len(self.claims) > len(self.leases))
    @rule(data=st.data(), worker=st.integers(0, WORKERS - 1), then=st.integers(0, 3))
    def settle_late(self, data: st.DataObject, worker: int, then: int) -> None:
        """Under a stale token nothing is settled, whoever comes with it."""
        claim = self.draw_claim(data, live=False)
        settlements = self.draw_settlements(data, claim)
        with pytest.raises(StaleLeaseError):
            self.store.settle(
                self.run, self.workers[worker], claim.token, settlements,
                claim=then, lease_seconds=LEASE,
            )  # fmt: skip

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), seconds=st.floats(1.0, 60.0))
    def renew(self, data: st.DataObject, seconds: float) -> None:
        """A heartbeat for any claim there ever was."""
        claim = data.draw(st.sampled_from(self.claims[-6:]))
        lease = self.leases.get(claim.token)
        assert (lease is not None) == self.store.renew(claim.token, seconds)
        if lease:
            lease.expires = max(lease.expires, self.time + seconds)

    # -- what befalls them ------------------------------------------------------------

    @rule(worker=st.integers(0, WORKERS - 1), in_flight=st.none() | st.integers(1, 9))
    def die(self, worker: int, in_flight: int | None) -> None:
        """A worker dies; its slot names some job, which it may hold or not."""
        held = [token for token, lease in self.leases.items() if lease.worker == worker]
        expected = [state for token in held for state in self.reap(token, in_flight)]
        reaped = self.store.reap_worker(self.run, self.workers[worker], in_flight, DIED)
        assert expected == reaped

    @rule(in_flight=st.lists(st.none() | st.integers(1, 9), min_size=WORKERS, max_size=WORKERS))
    def reap_expired(self, in_flight: list[int | None]) -> None:
        """The coordinator looks for workers that hang."""
        expired = [token for token, lease in self.leases.items() if lease.expires < self.time]
        workers = [self.workers[self.leases[token].worker] for token in expired]
        for token in expired:
            self.reap(token, in_flight[self.leases[token].worker])
        numbers = dict(zip(self.workers, in_flight, strict=True))
        assert sorted(workers) == sorted(
            self.store.reap_expired(self.run, self.store.expired(), numbers.__getitem__, SILENT)
        )

    @rule(seconds=st.sampled_from([-3_600.0, -5.0, 1.0, 10.0, 31.0, 3_600.0]))
    def step_clock(self, seconds: float) -> None:
        """Time goes on, or steps."""
        self.time += seconds

    @precondition(lambda self: any(job.state == "failed" for job in self.jobs.values()))
    @rule()
    def retry(self) -> None:
        """A person puts the failed jobs back."""
        failed = [job for job in self.jobs.values() if job.state == "failed"]
        for job in failed:
            job.state, job.attempts, job.not_before = "pending", 0, 0.0
        assert len(failed) == self.store.retry(failed_only=True)

    # -- the model --------------------------------------------------------------------

    def claimable(self) -> list[int]:
        """What may be claimed now, in order."""
        unfinished = [job for job in self.jobs.values() if job.state in ("pending", "running")]
        phase = min((job.phase for job in unfinished), default=0)
        if any(job.state == "failed" and job.phase < phase for job in self.jobs.values()):
            return []
        ready = [
            (-job.priority, number)
            for number, job in self.jobs.items()
            if job.state == "pending" and job.phase == phase and job.not_before <= self.time
        ]
        return [number for _, number in sorted(ready)]

    def took(self, worker: int, claim: Claim | None, expected: list[int]) -> None:
        """A claim holds what was expected, under a token that is new."""
        assert expected == [job.id for job in (claim.jobs if claim else ())]
        if claim is None:
            return
        assert all(claim.token > earlier.token for earlier in self.claims)
        for number in expected:
            self.jobs[number].state, self.jobs[number].token = "running", claim.token
        self.leases[claim.token] = Lease(worker, self.time + LEASE, {*expected})
        self.claims.append(claim)

    def draw_claim(self, data: st.DataObject, *, live: bool) -> Claim:
        """One of the claims whose lease is live, or is not."""
        fitting = [claim for claim in self.claims if (claim.token in self.leases) == live]
        return data.draw(st.sampled_from(fitting[-6:]))

    def draw_settlements(self, data: st.DataObject, claim: Claim) -> list[Settlement]:
        """How the first few jobs of a claim, or all, end."""
        ends = st.lists(st.sampled_from(["done", "failed", "later"]), max_size=len(claim.jobs))
        return [
            self.settlement(job.id, end)
            for job, end in zip(claim.jobs, data.draw(ends), strict=False)
        ]

    def settlement(self, job: int, end: str) -> Settlement:
        """How a job ends; the last attempt is not put off."""
        if end == "later" and self.jobs[job].attempts + 1 < ATTEMPTS:
            return Settlement(job, "pending", 0.1, not_before=self.time + 20)
        return Settlement(job, "done" if end == "done" else "failed", 0.1, reason=DIED)

    def reap(self, token: int, in_flight: int | None) -> list[str]:
        """Take a lease back; the new state of the job in hand, if it was under it."""
        states = []
        for number in self.leases.pop(token).jobs:
            job = self.jobs[number]
            if number == in_flight:
                state = "failed" if job.attempts + 1 >= ATTEMPTS else "pending"
                job.end_attempt(state, job.not_before)
                states.append(state)
            else:
                job.give_back()
        return states

    # -- what always holds --------------------------------------------------------------

    def sql(self, text: str) -> list[tuple[object, ...]]:
        """The rows of a statement."""
        return [tuple(row) for row in self.store.connection.execute(text)]

    @invariant()
    def jobs_are_as_in_the_model(self) -> None:
        """Nothing is lost, and a stale token never changed anything."""
        rows = self.sql("SELECT id, state, attempts, lease, not_before FROM jobs ORDER BY id")
        assert [(number, *job.seen) for number, job in self.jobs.items()] == rows

    @invariant()
    def every_job_is_held_once(self) -> None:
        """The leases are the model's, and what is running is under exactly one of them."""
        rows = self.sql("SELECT token, expires FROM leases ORDER BY token")
        assert [(token, lease.expires) for token, lease in self.leases.items()] == rows
        held = sorted(job for lease in self.leases.values() for job in lease.jobs)
        assert held == [number for number, job in self.jobs.items() if job.state == "running"]

    @invariant()
    def counters_are_right(self) -> None:
        """The counters say what counting says."""
        kept = self.sql("SELECT phase, class, n FROM counters WHERE n > 0 ORDER BY 1, 2")
        assert kept == self.sql(
            "SELECT phase, class, count(*) FROM jobs GROUP BY 1, 2 ORDER BY 1, 2"
        )

    def teardown(self) -> None:
        """When all others are silent, one worker that goes on alone ends with every job done."""
        with self.folder, self.store:
            self.time += 1e6
            self.store.reap_expired(self.run, self.store.expired(), lambda _: None, SILENT)
            self.store.retry(failed_only=True)
            claim = self.store.claim(self.run, self.workers[0], 3, LEASE)
            while claim:
                done = [Settlement(job.id, "done", 0.1) for job in claim.jobs]
                claim = self.store.settle(
                    self.run, self.workers[0], claim.token, done, claim=3, lease_seconds=LEASE
                )
            assert {("done", None)} >= {*self.sql("SELECT state, lease FROM jobs")}
            assert self.store.outlook(self.run).over


TestLeaseProtocol = pytest.mark.slow(LeaseMachine.TestCase)
TestLeaseProtocol.settings = settings(
    max_examples=100,
    stateful_step_count=40,
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow],
)
