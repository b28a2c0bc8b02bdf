"""Retries: the one decision, the fences that repeat a part of it, and the waits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ledger.process.retry import MAX_BACKOFF_SECONDS, Outcome, backoff_seconds, next_state

attempts = st.integers(1, 2000)
outcomes = st.sampled_from(Outcome)
retries = st.none() | st.integers(0, 1000)
policies = st.sampled_from([None, "retry", "park"])
chances = st.floats(0, 1, exclude_max=True)


@given(outcomes, attempts, attempts, retries, policies)
def test_no_job_is_tried_beyond_its_attempts(outcome, attempt, most, retries, policy):
    """Whatever happened, and whatever its queue says."""
    state = next_state(outcome, attempt, most, retries=retries, policy=policy)

    assert state in ("pending", "failed")
    assert state == "failed" or (attempt < most and outcome is not Outcome.FAILED)


@given(attempts, attempts, retries, policies)
def test_only_what_is_in_doubt_is_parked(attempt, most, retries, policy):
    """A queue's policy changes nothing about failures that certainly had no effect."""
    options = {"retries": retries, "policy": policy}
    in_doubt = next_state(Outcome.IN_DOUBT, attempt, most, **options)
    transient = next_state(Outcome.TRANSIENT, attempt, most, **options)

    assert in_doubt == ("failed" if policy == "park" else transient)


@given(attempts, attempts, retries)
def test_a_crash_does_not_count_towards_the_retries_of_a_queue(attempt, most, retries):
    """It is limited by the attempts alone."""
    assert (attempt < most) == (
        next_state(Outcome.CRASHED, attempt, most, retries=retries) == "pending"
    )


@given(st.integers(1, 10_000), chances, st.floats(0, 1e6))
def test_a_wait_is_bounded_unless_the_other_side_asks_for_more(attempt, chance, asked):
    """Five minutes at most; `Retry-After` wins if it is longer."""
    wait = backoff_seconds(attempt, lambda: chance, asked)

    assert asked <= wait <= max(asked, MAX_BACKOFF_SECONDS)
    assert wait >= min(MAX_BACKOFF_SECONDS, 2.0 ** min(attempt - 1, 20)) / 2


def test_waits_double_and_half_of_each_is_random():
    """1, 2, 4 … 256, 300 seconds at the most, and half of that at the least."""
    longest = [backoff_seconds(attempt, lambda: 1.0) for attempt in (1, 2, 3, 9, 10, 25)]
    shortest = [backoff_seconds(attempt, lambda: 0.0) for attempt in (1, 2, 3, 9, 10, 25)]

    assert longest == [1, 2, 4, 256, 300, 300]
    assert shortest == [wait / 2 for wait in longest]
