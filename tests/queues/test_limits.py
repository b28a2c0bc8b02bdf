"""The arithmetic of rates and budgets, on rows as the ledger has them."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import LedgerError
from ledger.jobs import Spent
from ledger.queues.amounts import (
    UNITS,
    as_money,
    as_rate,
    parse_count,
    parse_money,
    parse_rate,
    price_a_token,
)
from ledger.store.limits import (
    Amount,
    faster,
    is_a_step,
    lateness,
    money_of,
    next_rate_slot,
    rests_until,
    slower,
)
from ledger.store.rows import QueueRow


def queue(**more: Any) -> QueueRow:
    """A row of `queues`."""
    row = QueueRow(
        phase=1000, name="q", kind="llm", module="m", recipe="{}", after="[]", policy="retry",
        paused=0, concurrency=None, interval=0.1, burst=1, due=0.0, resume_at=0.0, adaptive=1,
        rate_factor=1.0, slowed_at=0.0, price_in=2, price_out=10, price_call=None,
        money_ceiling=None, tokens_ceiling=None, money_spent=0, tokens_spent=0, exhausted=0,
    )  # fmt: skip
    return row._replace(**more)


@given(
    st.lists(st.floats(0, 3), min_size=2, max_size=200),
    st.integers(1, 20),
    st.floats(0.001, 2.0),
)
def test_no_window_has_more_than_rate_and_burst(
    pauses: list[float], burst: int, interval: float
) -> None:
    """No window holds more starts than rate and burst, or with a burst of 1 one more than that."""
    row, now, starts = queue(burst=burst, interval=interval), 100.0, []
    for pause in pauses:
        now += pause * interval
        turn = next_rate_slot(row, now)
        row = row._replace(due=turn.due)
        assert turn.start >= now
        starts.append(turn.start + lateness(row) * (len(starts) % 2))  # every other one is late
    starts.sort()

    for n, first in enumerate(starts):
        for length in (interval, 5 * interval, 1.0):
            inside = sum(first <= at <= first + length for at in starts[n:])
            assert inside <= length / interval + max(burst, 2) + 1e-6


def test_waiting_costs_no_throughput() -> None:
    """Turns that are taken ahead are exactly an interval apart."""
    row, starts = queue(), []
    for _ in range(50):
        turn = next_rate_slot(row, 100.0)
        row = row._replace(due=turn.due)
        starts.append(turn.start)

    assert starts == pytest.approx([100 + n * 0.1 for n in range(50)])


def test_no_burst_follows_a_rest() -> None:
    """After a pause that the other side asked for, starts are an interval apart at once."""
    row = queue(burst=20)
    row = row._replace(**rests_until(row, 100.0, 5.0))
    starts = []
    for _ in range(5):
        turn = next_rate_slot(row, 101.0)
        row = row._replace(due=turn.due)
        starts.append(turn.start)

    assert starts[0] >= 105.0
    assert [b - a for a, b in itertools.pairwise(starts)] == pytest.approx([0.1] * 4)


def test_without_a_rate_jobs_start_at_once() -> None:
    """A queue without a rate has no bucket, and nothing is too late."""
    assert next_rate_slot(queue(interval=None), 7.0) == (7.0, 0.0)
    assert lateness(queue(interval=None)) == math.inf


def test_a_burst_of_refusals_halves_the_rate_once() -> None:
    """Twenty workers that are refused together say it once."""
    row = queue()
    factor = slower(row, 100.0)
    assert factor == 0.5

    row = row._replace(rate_factor=factor, slowed_at=100.0)
    assert slower(row, 100.2) is None
    assert slower(row, 110.0) == 0.25


def test_the_rate_creeps_back() -> None:
    """Every success gives a hundredth of the full rate back, and no more than all of it."""
    assert faster(queue(rate_factor=0.5), 1) == pytest.approx(0.51)
    assert faster(queue(rate_factor=0.999), 1) == 1.0
    assert faster(queue(), 1) is None
    assert is_a_step(0.79, 0.8) and is_a_step(0.995, 1.0) and not is_a_step(0.81, 0.82)


def test_not_adaptive_stays_as_it_is() -> None:
    """Only who asks for it gets another rate."""
    assert slower(queue(adaptive=0), 5.0) is None
    assert faster(queue(adaptive=0, rate_factor=0.5), 1) is None


def test_money_is_exact() -> None:
    """A price a million tokens is a whole number of units a token."""
    assert price_a_token(0.15) == 150_000
    row = queue(price_in=price_a_token(0.15), price_out=price_a_token(0.6), price_call=3)
    assert money_of(row, Spent(1_000_000, 1_000_000, 1)) == UNITS * 75 // 100 + 3


def test_ceilings() -> None:
    """A amount fits up to the last unit, and not one further."""
    row = queue(money_ceiling=10, tokens_ceiling=5)

    assert Amount(10, 5).fits(row)
    assert not Amount(11, 5).fits(row)
    assert not Amount(10, 6).fits(row)
    assert Amount(10**18, 10**18).fits(queue())


@pytest.mark.parametrize(
    ("text", "interval"), [("300/min", 0.2), ("5/s", 0.2), ("1000/h", 3.6), ("2/10s", 5.0)]
)
def test_rates(text: str, interval: float) -> None:
    """A rate is read as people write it."""
    assert parse_rate(text).interval == pytest.approx(interval)


@pytest.mark.parametrize(
    "text", ["", "5", "x/s", "0/s", "-1/s", "5/parsec", "1e400/s", "5//s", "./s"]
)
def test_no_rates(text: str) -> None:
    """What is none says how to write one."""
    with pytest.raises(LedgerError, match="is not a rate"):
        parse_rate(text)


def test_amounts() -> None:
    """Money and counts as people write them."""
    assert parse_money("$25") == 25 * UNITS
    assert parse_money("0.1") == UNITS // 10
    assert parse_count("1.5M") == 1_500_000
    for text in ("", "x", "-1", "inf", "nan", "1e99"):
        with pytest.raises(LedgerError):
            parse_money(text)
        with pytest.raises(LedgerError):
            parse_count(text or "-")
    assert [as_money(25 * UNITS), as_money(UNITS // 1000), as_money(0)] == [
        "$25.00",
        "$0.0010",
        "$0.00",
    ]
    assert [as_rate(50), as_rate(5), as_rate(0.01)] == ["50.0/s", "300.0/min", "36.0/h"]
