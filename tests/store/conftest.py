"""A migrated ledger with a clock that only tests move, and short ways to fill and read it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from ledger.errors import Reason
from ledger.jobs import Claim, Planned, Published, Settlement
from ledger.store import connection as db
from ledger.store.migrations import migrate
from ledger.store.plan import Changes, PlannedJob, replan
from ledger.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

LEASE = 30.0


class FakeClock:
    """The clock of leases, which moves when it is told to."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        """The time."""
        return self.seconds

    def advance(self, seconds: float) -> None:
        """Step forward, or back."""
        self.seconds += seconds


class Ledger:
    """A store, its clock and a run that keeps going; what tests say often, said shortly."""

    LEASE = LEASE
    IntegrityError = db.sqlite3.IntegrityError
    OperationalError = db.sqlite3.OperationalError

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = FakeClock()
        self.store = Store(path, now=self.clock)
        self.store.connection.execute("PRAGMA synchronous = OFF")  # no test cuts the power
        self.run = self.store.start_run(4, keep_going=True)

    def start_run(self, *, keep_going: bool) -> int:
        """Another run, which the calls after this one work for."""
        self.run = self.store.start_run(4, keep_going=keep_going)
        return self.run

    @staticmethod
    def job(key: object, *, kind: str = "page", phase: int = 0, **more: Any) -> PlannedJob:
        """A job to plan."""
        more.setdefault("fingerprint", "f1")
        return PlannedJob(kind, phase, Planned(str(key), **more))

    def plan(
        self,
        jobs: int | Iterable[PlannedJob],
        *,
        max_attempts: int = 3,
        corpus: str = "c",
        **more: Any,
    ) -> Changes:
        """Plan these jobs, or so many pages that are called 0, 1, 2 and so on."""
        planned = [self.job(n) for n in range(jobs)] if isinstance(jobs, int) else list(jobs)
        more.setdefault("documents", [])
        return replan(
            self.store, jobs=planned, facts={"corpus": corpus}, max_attempts=max_attempts, **more
        )

    def worker(self) -> int:
        """A registered worker."""
        return self.store.start_worker(self.run, 1, 1)

    def take(self, worker: int | None = None, limit: int = 1) -> Claim | None:
        """A claim, or None when there is nothing to take."""
        return self.store.claim(self.run, worker or self.worker(), limit, LEASE)

    def claim(self, worker: int | None = None, limit: int = 1) -> Claim:
        """A claim that is known to find something."""
        claim = self.take(worker, limit)
        assert claim is not None
        return claim

    def keys(self, limit: int = 100) -> list[str]:
        """The keys of a claim, in its order."""
        claim = self.take(limit=limit)
        return [job.key for job in claim.jobs] if claim else []

    def settle(
        self,
        claim: Claim,
        state: str = "done",
        *,
        count: int | None = None,
        then: int = 0,
        **more: Any,
    ) -> Claim | None:
        """Settle the first `count` jobs of a claim, or all; `then` claim so many more."""
        if state == "failed":
            more.setdefault("reason", Reason("it broke", "here", "mend it"))
        settlements = [
            Settlement(job.id, state, 0.5, **more)  # type: ignore[arg-type]
            for job in claim.jobs[:count]
        ]
        return self.store.settle(
            self.run, 1, claim.token, settlements, claim=then, lease_seconds=LEASE
        )

    def finish(self, state: str = "done", limit: int = 100) -> None:
        """Claim what there is and settle all of it alike."""
        self.settle(self.claim(limit=limit), state)

    def publish(self, key: str, *paths: str) -> None:
        """Do one job, which makes these files."""
        claim = self.claim(limit=100)
        (job,) = [job for job in claim.jobs if job.key == key]
        made = tuple(Published(path, 5, "digest", "inputs") for path in paths)
        only = replace(claim, jobs=(job,))
        self.settle(only, outputs=made)

    def sql(self, text: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows of a statement of the test's own."""
        return [tuple(row) for row in self.store.connection.execute(text, values).fetchall()]

    def column(self, name: str) -> dict[str, Any]:
        """A column of the jobs, by key."""
        return dict(self.sql(f"SELECT key, {name} FROM jobs ORDER BY id"))

    @property
    def states(self) -> dict[str, str]:
        """The states of the jobs, by key."""
        return self.column("state")

    @property
    def attempts(self) -> dict[str, int]:
        """The attempts of the jobs, by key."""
        return self.column("attempts")

    def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        """All rows of the tables that the lease protocol writes."""
        tables = ("jobs", "leases", "outputs", "failures", "counters", "runs")
        return {table: self.sql(f"SELECT * FROM {table}") for table in tables}

    def counted(self) -> tuple[list[Any], list[Any]]:
        """(what the counters say, what counting says), which must be the same."""
        kept = self.sql(
            "SELECT phase, kind, class, n FROM counters WHERE n > 0 ORDER BY phase, kind, class"
        )
        real = self.sql(
            "SELECT phase, kind, class, count(*) FROM jobs GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
        )
        return kept, real


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a new ledger file."""
    path = tmp_path_factory.mktemp("migrated") / "ledger.db"
    migrate(path)
    return path.read_bytes()


@pytest.fixture
def ledger(tmp_path: Path, migrated: bytes) -> Iterator[Ledger]:
    """An empty ledger with a run going on."""
    path = tmp_path / ".ledger" / "ledger.db"
    path.parent.mkdir()
    path.write_bytes(migrated)
    made = Ledger(path)
    yield made
    made.store.close()


@pytest.fixture
def reason() -> Reason:
    """Why a worker's job was taken back."""
    return Reason("killed by SIGKILL", "no memory", "buy some")
