"""Retries: whether a failed attempt is followed by another, and after how long. Pure functions.

This is the one place that decides. The CASE expressions of the statements `settle_undone` and
`charge_attempt` repeat the limit on attempts as a fence: whatever a caller asks for, no job is
pending with all its attempts used up. A test compares the two.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

BACKOFF_SECONDS = 1.0
MAX_BACKOFF_SECONDS = 300.0
_MOST_DOUBLINGS = 16  # far beyond the maximum, and far below what a float can hold
PARK = "park"
"""The policy of a queue whose effects in doubt are not repeated unless a person decides so."""


class Outcome(Enum):
    """How an attempt ended without a result."""

    FAILED = "trying again changes nothing"
    TRANSIENT = "it may succeed later"
    IN_DOUBT = "it may succeed later, and may have had its effect already"
    CRASHED = "its worker died"


def next_state(
    outcome: Outcome,
    attempt: int,
    max_attempts: int,
    *,
    retries: int | None = None,
    policy: str | None = None,
) -> Literal["pending", "failed"]:
    """Return the state of a job after its attempt number `attempt`, from 1, ended that way.

    `retries` is how many more attempts the job's queue allows after the first; None: no limit but
    `max_attempts`. A crash does not count towards it. `policy` is that of the queue, if any.
    """
    if outcome is Outcome.FAILED or attempt >= max_attempts:
        return "failed"
    if outcome is Outcome.IN_DOUBT and is_parked(policy):
        return "failed"
    if outcome is not Outcome.CRASHED and retries is not None and attempt > retries:
        return "failed"
    return "pending"


def is_parked(policy: str | None) -> bool:
    """Whether an effect in doubt waits for a person under that policy of a queue."""
    return policy == PARK


def backoff_seconds(attempt: int, random: Callable[[], float], asked: float = 0.0) -> float:
    """Return how long to wait after attempt number `attempt`, from 1.

    The wait doubles from one attempt to the next up to a maximum, and half of it is random, so
    that jobs that failed together do not come back together. `random` returns numbers in [0, 1).
    If the other side `asked` for more (`Retry-After`), that is the wait.
    """
    doublings = min(attempt - 1, _MOST_DOUBLINGS)
    longest = min(MAX_BACKOFF_SECONDS, BACKOFF_SECONDS * 2.0**doublings)
    return max(asked, longest * (1 + random()) / 2)
