"""The shapes of the rows that leave the store: one named tuple for each list of columns.

Built by position from the explicit column lists of queries.sql; a test compares names and order.
Yes and no are 1 and 0, as SQLite stores them. Money is in 10^-12 of a currency's unit; times of
leases, rates and `not_before` are on the clock of leases, `…_at` and `at` on the wall clock.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ledger.jobs import State

# -- the lease protocol ----------------------------------------------------------------------


class StandingRow(NamedTuple):
    """What all claims of a run depend on."""

    open_phase: int | None
    failed_phase: int | None
    stopping: int
    throttled: str | None
    paused: int
    queues: int


class QueueRow(NamedTuple):
    """A queue: what its jobs share, and what limits them."""

    phase: int
    name: str
    kind: str
    module: str
    recipe: str
    after: str
    policy: str
    paused: int
    concurrency: int | None
    interval: float | None
    burst: int
    due: float
    resume_at: float
    adaptive: int
    rate_factor: float
    slowed_at: float
    price_in: int | None
    price_out: int | None
    price_call: int | None
    money_ceiling: int | None
    tokens_ceiling: int | None
    money_spent: int
    tokens_spent: int
    exhausted: int

    @property
    def names_before(self) -> list[str]:
        """The names of the queues that come first."""
        names: list[str] = json.loads(self.after)
        return names


class OpenQueueRow(NamedTuple):
    """A queue with open jobs, the priority of the most urgent one, and what comes before it.

    `waits` counts the open jobs of the queues before it, `blocked` the jobs there that no worker
    will do.
    """

    queue: QueueRow
    urgency: int | None
    waits: int
    blocked: int


class InFlightRow(NamedTuple):
    """How many jobs of a queue are under a lease, and the most that they may spend together."""

    jobs: int
    tokens_in: int
    tokens_out: int


class ClaimedRow(NamedTuple):
    """A job that may be claimed."""

    id: int
    kind: str
    key: str
    fingerprint: str
    payload: str
    attempts: int
    max_attempts: int
    phase: int
    tokens_in: int
    tokens_out: int


class JobLimits(NamedTuple):
    """The most that an attempt at a job may spend, and who holds the job."""

    phase: int
    lease: int | None
    tokens_in: int
    tokens_out: int


class LeaseRow(NamedTuple):
    """A lease and its holder."""

    token: int
    worker: int


class JobRow(NamedTuple):
    """A job as `ledger why` reads it, with the lease that holds it, if any."""

    id: int
    kind: str
    key: str
    phase: int
    priority: int
    state: State
    attempts: int
    max_attempts: int
    not_before: float
    settled_at: float | None
    uncertain: int
    tokens_in: int
    tokens_out: int
    lease: int | None
    worker: int | None
    number: int | None
    expires: float | None


class JobName(NamedTuple):
    """What identifies a job."""

    kind: str
    key: str
    phase: int


class QueueBefore(NamedTuple):
    """A queue that comes before another: its open jobs, and those that no worker will do."""

    name: str
    open: int
    blocked: int


class FailureText(NamedTuple):
    """Why a job failed last."""

    what: str
    remedy: str


# -- adding to a queue -------------------------------------------------------------------------


class QueueJobRow(NamedTuple):
    """A job of a queue; `key` begins with the queue's name."""

    id: int
    key: str
    fingerprint: str
    state: State


class OwnerRow(NamedTuple):
    """The owner of an output."""

    path: str
    kind: str
    key: str
    phase: int


# -- runs and workers ------------------------------------------------------------------------


class RunRow(NamedTuple):
    """A run: `ended_at` and `outcome` are None while it is active, and if it was killed."""

    id: int
    started_at: float
    ended_at: float | None
    workers: int
    keep_going: int
    stopping: int
    settled_before: int
    outcome: str | None
    throttled: str | None


class OpenRunRow(NamedTuple):
    """A run without an end, and how many workers it was asked for."""

    id: int
    workers: int


class WorkerRow(NamedTuple):
    """A worker without a recorded end."""

    id: int
    run: int
    number: int
    pid: int


# -- reports ---------------------------------------------------------------------------------


class CountRow(NamedTuple):
    """A counter: how many jobs of a phase and kind are in a class of states."""

    phase: int
    kind: str
    class_: str
    n: int
    queue: str


class RunningRow(NamedTuple):
    """How many jobs of a phase and kind are under a lease."""

    phase: int
    kind: str
    n: int


class WaitingRow(NamedTuple):
    """How many jobs of a kind are pending, and the bytes of the files that they will replace."""

    kind: str
    jobs: int
    bytes: int


class OutputRow(NamedTuple):
    """An output of a done job."""

    path: str
    bytes: int | None
    job: int


class BuiltFile(NamedTuple):
    """An output of a done job with its digest and kind: what `verify` hashes."""

    path: str
    bytes: int | None
    digest: str | None
    job: int
    kind: str


class DigestRow(NamedTuple):
    """The digest of an output."""

    path: str
    digest: str | None


class UncertainRow(NamedTuple):
    """A job whose effect is in doubt; `open` if it is parked and waits for a decision."""

    id: int
    kind: str
    key: str
    state: State
    uncertain: int
    queue: str
    open: int


class UncertainCount(NamedTuple):
    """How many jobs of a queue have had an effect in doubt."""

    phase: int
    n: int


class ResultRow(NamedTuple):
    """A job of a queue with its result, both as JSON."""

    key: str
    payload: str
    state: State
    seconds: float | None
    attempts: int
    value: str | None


class ExportRow(NamedTuple):
    """A job of a queue with its result and the totals of all its attempts."""

    id: int
    queue: str
    key: str
    state: State
    payload: str
    uncertain: int
    settled_at: float | None
    result: str | None
    output: str | None
    attempts: int
    seconds: float
    tokens_in: int
    tokens_out: int
    money: int
    last: int | None
    facts: str


class RunsSummary(NamedTuple):
    """How many runs there were, and when the first one began."""

    runs: int
    first: float | None


class SettledSpan(NamedTuple):
    """When the first and the last job was settled."""

    first: float | None
    last: float | None


class SettledRow(NamedTuple):
    """How many jobs were settled in a stretch of time, and how many of them done."""

    stretch: int
    done: int
    settled: int


class DurationRow(NamedTuple):
    """How long an attempt took."""

    phase: int
    kind: str
    seconds: float


class AttemptRow(NamedTuple):
    """An attempt at a job of a queue; `worker` is its number in the run."""

    run: int
    worker: int
    key: str
    started_at: float
    seconds: float
    outcome: str


class FailureRow(NamedTuple):
    """A failure; `final` if the job has failed permanently, for this reason."""

    queue: str
    kind: str
    key: str
    job: int
    attempt: int
    worker: int
    at: float
    what: str
    context: str
    remedy: str
    final: int


class OutcomeRow(NamedTuple):
    """The attempts at a queue's jobs that had the same outcome, and their totals."""

    phase: int
    outcome: str
    tries: int
    seconds: float
    tokens_in: int
    tokens_out: int


class RateChange(NamedTuple):
    """A change of an adaptive rate."""

    at: float
    per_second: float
    why: str


class JobNeed(NamedTuple):
    """The most that a job may spend."""

    tokens_in: int
    tokens_out: int


# -- health ----------------------------------------------------------------------------------


class ForeignKeyRow(NamedTuple):
    """A row whose foreign key refers to no row."""

    table: str
    rowid: int | None
    parent: str
    fkid: int


class MiscountRow(NamedTuple):
    """Where a counter and the jobs disagree."""

    phase: int
    kind: str
    class_: str
    kept: int
    counted: int


class LeaseOutRow(NamedTuple):
    """A lease, how many jobs it holds, and whether its worker has ended."""

    token: int
    worker: int
    jobs: int
    ended: int


class JobOutputRow(NamedTuple):
    """A job of a kind with one of its outputs."""

    id: int
    kind: str
    key: str
    state: State
    fingerprint: str
    payload: str
    path: str


class WidthRow(NamedTuple):
    """How many vectors of a width a queue of embeddings has as results."""

    width: int | None
    jobs: int
