"""The records that pass between planner, store, worker and kinds.

Those of which there is one a job are named tuples: a frozen dataclass takes three times as long
to make, which is a tenth of what the ledger costs a job.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from ledger.errors import Reason

FIRST_QUEUE = 1000
"""The phases below are those of a site's plan; from here on each is a queue."""

Chunk = bytes | bytearray | memoryview
State = Literal["pending", "deselected", "running", "done", "failed"]


@dataclass(frozen=True, slots=True)
class Planned:
    """A job as a kind plans it.

    `fingerprint` covers everything that the outputs depend on; when it changes the job runs
    again. `outputs` are paths relative to the project, each owned by this job alone.
    `position` is that of the first document the job is about, if it is about some.
    """

    key: str
    fingerprint: str
    outputs: tuple[str, ...] = ()
    payload: dict[str, Any] = field(default_factory=dict)
    position: int | None = None
    priority: int = 0


class Job(NamedTuple):
    """A job as a worker claimed it. `attempt` counts from 1."""

    id: int
    kind: str
    key: str
    fingerprint: str
    payload: dict[str, Any]
    attempt: int
    max_attempts: int
    phase: int = 0

    @property
    def name(self) -> str:
        """`kind/key`, or of a job in a queue its key, which begins with the queue's name."""
        return self.key if self.phase >= FIRST_QUEUE else f"{self.kind}/{self.key}"


@dataclass(frozen=True, slots=True)
class Output:
    """One file that a job makes: where, from which inputs, and how to make its bytes.

    When the file on disk is known to come from the same `inputs`, `body` is never called.
    """

    path: str
    inputs: str
    body: Callable[[], Iterable[Chunk]]


@dataclass(frozen=True, slots=True)
class MadeFile:
    """A file that a job's own process has made: where it goes, from which inputs, where it is now."""

    path: str
    inputs: str
    made: str


class Published(NamedTuple):
    """What is known of an output: None where it was never made."""

    path: str
    bytes: int | None
    digest: str | None
    inputs: str | None


class Spent(NamedTuple):
    """What a try at a job of a queue took."""

    tokens_in: int = 0
    tokens_out: int = 0
    calls: int = 0


@dataclass(slots=True)
class AttemptRecord:
    """A record of one try at a job of a queue; its kind writes it while the job runs.

    `spent` is None if it is unknown, and then counts as all that was reserved. `uncertain` is
    true if it is also unknown whether the effect took place. `rest` is how many seconds the
    server asks the whole queue to wait (None: it did not ask). `retries` is how many more tries
    the queue allows after a transient failure (None: as many as there are attempts).
    """

    started_at: float
    retries: int | None = None
    spent: Spent | None = field(default_factory=Spent)
    uncertain: bool = False
    rest: float | None = None
    result: Any = None
    facts: dict[str, Any] = field(default_factory=dict)


class Settlement(NamedTuple):
    """How one claimed job ended.

    `state` is `done`, `failed`, or `pending` for a job that is to be tried again not before
    `not_before` (on the clock of leases). `record` is for jobs of queues.
    """

    job: int
    state: Literal["done", "failed", "pending"]
    seconds: float
    outputs: tuple[Published, ...] = ()
    reason: Reason | None = None
    not_before: float = 0.0
    record: AttemptRecord | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """A batch of jobs held under one lease, to be begun at `start` (on the clock of leases)."""

    token: int
    jobs: tuple[Job, ...]
    start: float = 0.0
