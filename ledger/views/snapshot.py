"""A run at one moment: the one view-model from which every view of a run is made.

A snapshot holds what is cheap to read several times a second. What takes longer is read by
those who show it: failures (`ledger/views/failures.py`), the history of rates
(`ledger/views/spending.py`), statistics of attempts (`ledger/views/figures.py`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from ledger.store.reports import KindCount
    from ledger.store.rows import QueueRow, RunRow
    from ledger.views.eta import Forecast

Ending = Literal["", "interrupted", "failed"]


@dataclass(frozen=True, slots=True)
class AtWork:
    """One worker: its job, for how many seconds, and the first words of what that is about."""

    worker: int
    state: Literal["starting", "waiting", "at work"] = "waiting"
    job: str = ""
    seconds: float = 0.0
    snippet: str = ""

    @property
    def kind(self) -> str:
        """The kind or queue of the job in flight."""
        return self.job.partition("/")[0]


@dataclass(frozen=True, slots=True)
class QueueState:
    """What a queue has spent, what limits it, and how it stands.

    Money is in 10^-12 of its currency, `rate` in starts a second (None: no limit), of which
    `rate_factor` is used at present. `uncertain` counts jobs that may have had their effect
    unnoticed.
    """

    phase: int
    name: str
    kind: str
    after: tuple[str, ...]
    policy: str
    concurrency: int | None
    rate: float | None
    rate_factor: float
    priced: bool
    money_spent: int
    money_ceiling: int | None
    tokens_spent: int
    tokens_ceiling: int | None
    exhausted: bool
    paused: bool
    uncertain: int = 0

    @classmethod
    def of(cls, row: QueueRow, uncertain: int = 0) -> QueueState:
        """Make it from a row of `queues`."""
        return cls(
            phase=row.phase, name=row.name, kind=row.kind,
            after=tuple(row.names_before), policy=row.policy,
            concurrency=row.concurrency,
            rate=1 / row.interval if row.interval else None, rate_factor=row.rate_factor,
            priced=any(price is not None for price in (row.price_in, row.price_out, row.price_call)),
            money_spent=row.money_spent, money_ceiling=row.money_ceiling,
            tokens_spent=row.tokens_spent, tokens_ceiling=row.tokens_ceiling,
            exhausted=bool(row.exhausted), paused=bool(row.paused), uncertain=uncertain,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A run at one moment, or the ledger after its last run.

    `run` is None before the first run; `going_on` says whether a coordinator is alive and has
    not ended it. `before` is how many jobs were settled before it began, `rate` the jobs that it
    settles in a second, as measured (None before there is anything to measure), `worker_count`
    how many workers were asked for, `ending` why no more jobs are claimed, if so, `waits_for` why
    nothing new begins for the moment. Of the failed jobs `parked` are parked. `coordinated` says
    whether a coordinator is alive, also one that plans; `remote` whether it is another process.
    """

    elapsed: float
    counts: tuple[KindCount, ...]
    workers: tuple[AtWork, ...] = ()
    rate: float | None = None
    forecast: Forecast | None = None
    deaths: int = 0
    before: int = 0
    worker_count: int = 1
    ending: Ending = ""
    queues: tuple[QueueState, ...] = ()
    parked: int = 0
    waits_for: str = ""
    run: RunRow | None = None
    going_on: bool = False
    coordinated: bool = False
    remote: bool = False

    def count(self, state: str) -> int:
        """Jobs in a state, over all kinds."""
        return sum(getattr(count, state) for count in self.counts)

    @property
    def total(self) -> int:
        """All jobs of the run."""
        return self.count("total")

    @property
    def done(self) -> int:
        """Those that are done."""
        return self.count("done")

    @property
    def failed(self) -> int:
        """Those that failed, the parked ones among them."""
        return self.count("failed")

    @property
    def left(self) -> int:
        """Those that are neither done nor failed."""
        return self.total - self.done - self.failed

    @property
    def settled(self) -> int:
        """How many this run has settled."""
        return max(0, self.done + self.failed - self.before)

    @property
    def present(self) -> tuple[str, ...]:
        """The kinds that are in flight, those of the most workers first."""
        kinds = Counter(worker.kind for worker in self.workers if worker.job)
        return tuple(kind for kind, _ in kinds.most_common())
