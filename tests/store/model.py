"""What a ledger is meant to do, in a few dicts: it predicts every row after every operation."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ledger.jobs import Settlement
    from ledger.store.plan import PlannedJob
    from ledger.store.store import Store


@dataclass(slots=True)
class Job:
    """A row of `jobs`."""

    planned: PlannedJob
    max_attempts: int
    state: str = "pending"
    attempts: int = 0
    token: int | None = None
    not_before: float = 0.0

    @property
    def phase(self) -> int:
        """The phase it is planned in."""
        return self.planned.phase

    @property
    def counted_as(self) -> tuple[int, str, str]:
        """Its row of `counters`."""
        open_ = self.state in ("pending", "running")
        return self.phase, self.planned.kind, "open" if open_ else self.state

    def row(self) -> tuple[object, ...]:
        """As the ledger has it."""
        planned = self.planned.planned
        return (
            self.planned.kind, planned.key, self.phase, planned.priority, planned.position,
            planned.fingerprint, self.state, self.attempts, self.max_attempts, self.token, self.not_before,
        )  # fmt: skip

    def end_attempt(self, state: str, not_before: float) -> None:
        """One attempt is used up."""
        if state == "pending" and self.attempts + 1 >= self.max_attempts:
            state = "failed"
        self.state, self.token, self.not_before = state, None, not_before
        self.attempts += 1

    def give_back(self) -> None:
        """As if it had never been taken: nobody pays."""
        self.state, self.token = "pending", None

    def begin_anew(self) -> None:
        """Pending with all its attempts, at once."""
        self.state, self.token, self.attempts, self.not_before = "pending", None, 0, 0.0


@dataclass(slots=True)
class Lease:
    """A row of `leases`."""

    worker: int
    expires: float


@dataclass(slots=True)
class Run:
    """A row of `runs`."""

    keep_going: bool
    stopping: bool = False
    ended: bool = False


@dataclass
class Model:
    """The tables that the lease protocol writes, by id; what is not here is not decided on."""

    jobs: dict[int, Job] = field(default_factory=dict)
    leases: dict[int, Lease] = field(default_factory=dict)
    runs: dict[int, Run] = field(default_factory=dict)
    outputs: dict[str, tuple[int, bool]] = field(default_factory=dict)  # whose, and whether made
    failures: list[tuple[int, int, int, int]] = field(default_factory=list)
    max_attempts: int = 1
    last_token: int = 0
    settled: set[tuple[int, int]] = field(default_factory=set)  # (token, job)

    # -- claim, settle, reap --------------------------------------------------------------

    def open_phase(self, run: int) -> int | None:
        """The phase that this run may claim from."""
        phases = [job.phase for job in self.jobs.values() if job.state in ("pending", "running")]
        if not phases or self.is_stopping(run):
            return None
        phase = min(phases)
        failed = any(job.state == "failed" and job.phase < phase for job in self.jobs.values())
        return None if failed else phase

    def is_stopping(self, run: int) -> bool:
        """Whether this run gives nothing out any more."""
        known = self.runs.get(run)
        return known is None or known.stopping or known.ended

    def claimable(self, run: int, now: float) -> list[int]:
        """What may be claimed now, in order."""
        phase = self.open_phase(run)
        ready = [
            (-job.planned.planned.priority, number)
            for number, job in self.jobs.items()
            if job.state == "pending" and job.phase == phase and job.not_before <= now
        ]
        return [number for _, number in sorted(ready)]

    def take(self, token: int, worker: int, expires: float, jobs: Iterable[int]) -> None:
        """A claim succeeded."""
        assert token > self.last_token, "tokens only grow"
        self.last_token = token
        self.leases[token] = Lease(worker, expires)
        for number in jobs:
            assert self.jobs[number].state == "pending"
            self.jobs[number].state, self.jobs[number].token = "running", token

    def under(self, token: int) -> list[int]:
        """The jobs that are deselected under a lease."""
        return [number for number, job in self.jobs.items() if job.token == token]

    def accepts(self, token: int, jobs: Sequence[int]) -> bool:
        """Whether a settlement is legal: the lease is live and holds all of these, each once."""
        deselected = self.under(token)
        return (
            token in self.leases
            and len({*jobs}) == len(jobs)
            and all(job in deselected for job in jobs)
        )

    def settle(
        self, run: int, worker: int, token: int, settlements: Sequence[Settlement], *, keep: bool
    ) -> None:
        """A legal settlement is written, and the rest of the claim kept or given back."""
        for item in settlements:
            assert (token, item.job) not in self.settled, "a job is settled once a claim"
            self.settled.add((token, item.job))
            job = self.jobs[item.job]
            job.end_attempt(item.state, 0.0 if item.state == "done" else item.not_before)
            for made in item.outputs:
                if self.outputs.get(made.path, (0, False))[0] == item.job:
                    self.outputs[made.path] = item.job, True
            if item.reason:
                self.failures.append((item.job, run, worker, job.attempts))
            self.stop_if_failed(run, job)
        if not keep:
            self.close(token)

    def reap(self, run: int, worker: int, token: int, in_flight: int | None) -> list[str]:
        """A lease is taken back; the job in hand, if it is under it, is charged an attempt."""
        charged = [number for number in self.under(token) if number == in_flight]
        for number in charged:
            job = self.jobs[number]
            job.end_attempt("pending", job.not_before)
            self.failures.append((number, run, worker, job.attempts))
            self.stop_if_failed(run, job)
        self.close(token)
        return [self.jobs[number].state for number in charged]

    def close(self, token: int) -> None:
        """What is left under a lease is pending again, and the lease is gone."""
        for number in self.under(token):
            self.jobs[number].give_back()
        del self.leases[token]

    def stop_if_failed(self, run: int, job: Job) -> None:
        """A failure ends a run that does not keep going."""
        known = self.runs.get(run)
        if job.state == "failed" and known and not known.keep_going:
            known.stopping = True

    def held_by(self, worker: int) -> list[int]:
        """The tokens of a worker's leases."""
        return [token for token, lease in self.leases.items() if lease.worker == worker]

    def expired(self, now: float) -> set[int]:
        """The tokens of the leases that have expired."""
        return {token for token, lease in self.leases.items() if lease.expires < now}

    # -- what is put back, left out, planned again ----------------------------------------

    def put_back(self, *states: str, jobs: Iterable[int] | None = None) -> int:
        """The jobs in these states begin anew; returns how many."""
        chosen = [*self.jobs] if jobs is None else [job for job in {*jobs} if job in self.jobs]
        back = [self.jobs[number] for number in chosen if self.jobs[number].state in states]
        for job in back:
            job.begin_anew()
        return len(back)

    def select(self, kinds: Sequence[str] | None, documents: int | None) -> None:
        """What a run is not about is deselected."""
        for job in self.jobs.values():
            if job.state not in ("pending", "deselected"):
                continue
            position = job.planned.planned.position
            other = kinds is not None and job.planned.kind not in kinds
            later = documents is not None and position is not None and position >= documents
            job.state = "deselected" if other or later else "pending"

    def replan(self, plan: Sequence[PlannedJob]) -> None:
        """The ledger holds exactly these jobs, and of the old ones what has not changed."""
        ids = {job.planned.name: number for number, job in self.jobs.items()}
        for planned in plan:
            if planned.name not in ids:
                ids[planned.name] = max(self.jobs, default=0) + 1
                self.jobs[ids[planned.name]] = Job(planned, self.max_attempts)
                continue
            job = self.jobs[ids[planned.name]]
            if job.planned.planned.fingerprint != planned.planned.fingerprint:
                job.begin_anew()
            job.planned = planned
        self._hand_out_paths({path: ids[job.name] for job in plan for path in job.planned.outputs})
        for name in {*ids} - {planned.name for planned in plan}:
            del self.jobs[ids[name]]
        self.failures = [row for row in self.failures if row[0] in self.jobs]

    def _hand_out_paths(self, wanted: dict[str, int]) -> None:
        """Who is given a path has not made it yet, so has to run."""
        had, self.outputs = self.outputs, {}
        for path, number in wanted.items():
            owner, made = had.get(path, (0, False))
            self.outputs[path] = number, made and owner == number
            if owner != number:
                self.put_back("done", "running", jobs=[number])

    # -- what the file must say -----------------------------------------------------------

    def check(self, store: Store) -> None:
        """Every row is as predicted."""

        def rows(text: str) -> list[tuple[object, ...]]:
            return [tuple(row) for row in store.connection.execute(text)]

        assert [(number, *job.row()) for number, job in self.jobs.items()] == rows(
            "SELECT id, kind, key, phase, priority, position, fingerprint, state, attempts,"
            " max_attempts, lease, not_before FROM jobs ORDER BY id"
        )
        assert [
            (token, lease.worker, lease.expires) for token, lease in self.leases.items()
        ] == rows("SELECT token, worker, expires FROM leases ORDER BY token")
        counted = Counter(job.counted_as for job in self.jobs.values())
        assert sorted((*key, n) for key, n in counted.items()) == rows(
            "SELECT phase, kind, class, n FROM counters WHERE n > 0 ORDER BY 1, 2, 3"
        )
        assert [
            (number, run.keep_going, run.stopping, run.ended) for number, run in self.runs.items()
        ] == rows("SELECT id, keep_going, stopping, ended_at IS NOT NULL FROM runs ORDER BY id")
        assert self.failures == rows("SELECT job, run, worker, attempt FROM failures ORDER BY id")
        assert sorted((path, *owner) for path, owner in self.outputs.items()) == rows(
            "SELECT path, job, digest IS NOT NULL FROM outputs ORDER BY path"
        )
