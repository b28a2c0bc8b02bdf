"""The store: one open ledger, with the parts that read and write it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from ledger.process import clock
from ledger.store.attempts import Attempts
from ledger.store.claims import Claims
from ledger.store.connection import Database
from ledger.store.eligibility import Eligibility
from ledger.store.reap import Reaper
from ledger.store.reports import Reports
from ledger.store.requeue import Requeue
from ledger.store.runs import Runs

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path

    from sqlite_utils import Database as UtilsDatabase


class Store:
    """A ledger that workers, the coordinator and commands open.

    The parts share one `Database`. The methods that are used most can be called on the store:
    `store.claim` is `store.claims.claim`. Plans, queues and health are modules of functions over
    a store (ledger/store/plan.py, queues.py, health.py).
    """

    def __init__(
        self,
        ledger: Path | Database,
        *,
        read_only: bool = False,
        now: Callable[[], float] = clock.now,
    ) -> None:
        """Open the file, or use a database that is open. `now` is the clock of leases.

        Raises:
            LedgerError: there is no ledger, or it is of another version than the program.
        """
        self.database = (
            ledger if isinstance(ledger, Database) else Database(ledger, read_only=read_only)
        )
        self.now = now
        self.eligibility = Eligibility(self.database, now)
        self.attempts = Attempts(self.database, now)
        self.claims = Claims(self.database, self.eligibility, self.attempts, now)
        self.reaper = Reaper(self.database, self.claims, self.attempts, now)
        self.runs = Runs(self.database)
        self.requeues = Requeue(self.database)
        self.reports = Reports(self.database)
        self._delegate_protocol()
        self._delegate_reads()

    def _delegate_protocol(self) -> None:
        claims, reaper, runs = self.claims, self.reaper, self.runs
        self.claim, self.settle = claims.claim, claims.settle
        self.renew, self.keep, self.published = claims.renew, claims.keep, claims.published
        self.outlook, self.may_begin = self.eligibility.outlook, self.eligibility.may_begin
        self.claimable_set = self.eligibility.claimable_set
        self.result = self.attempts.result
        self.reap_worker, self.reap_expired = reaper.reap_worker, reaper.reap_expired
        self.expired_leases, self.expired = reaper.expired_leases, reaper.expired
        self.live_leases = reaper.live_leases
        self.recover_after_reboot = reaper.recover_after_reboot
        self.start_run, self.select = runs.start_run, runs.select
        self.throttle_run, self.stop_run, self.end_run = (
            runs.throttle_run, runs.stop_run, runs.end_run,
        )  # fmt: skip
        self.start_worker, self.end_worker = runs.start_worker, runs.end_worker
        self.latest_worker, self.worker_of_number = runs.latest_worker, runs.worker_of_number
        self.retry, self.requeue = self.requeues.retry, self.requeues.requeue

    def _delegate_reads(self) -> None:
        database, reports = self.database, self.reports
        self.immediate, self.writer = database.immediate, database.writer
        self.counts, self.failures = reports.counts, reports.failures

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self.database.close()

    @property
    def path(self) -> Path:
        """The ledger file."""
        return self.database.path

    @property
    def connection(self) -> sqlite3.Connection:
        """The SQLite connection."""
        return self.database.connection

    @property
    def utils(self) -> UtilsDatabase:
        """The same connection as a sqlite-utils database, for inspection."""
        return self.database.utils
