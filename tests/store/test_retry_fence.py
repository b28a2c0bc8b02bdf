"""The statements that end an attempt agree with the function that decides on retries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ledger.process.retry import Outcome, next_state

if TYPE_CHECKING:
    from conftest import Ledger

    from ledger.errors import Reason


@pytest.mark.parametrize(("before", "most"), [(0, 1), (0, 2), (1, 2), (0, 4), (2, 4), (3, 4)])
def test_the_fences_hold_the_limit_on_attempts(
    ledger: Ledger, reason: Reason, before: int, most: int
) -> None:
    """A crash, and a settlement that asks for another attempt, lead where `next_state` says."""
    ledger.plan(2)
    ledger.sql("UPDATE jobs SET attempts = ?, max_attempts = ?", before, most)
    worker = ledger.worker()

    (crashed,) = ledger.claim(worker).jobs
    ledger.store.reap_worker(ledger.run, worker, crashed.id, reason)
    ledger.sql("UPDATE jobs SET not_before = 1e9 WHERE id = ?", crashed.id)
    transient = ledger.claim(worker)
    ledger.settle(transient, "pending", reason=reason)

    attempt = before + 1
    assert [*ledger.states.values()] == [
        next_state(Outcome.CRASHED, attempt, most),
        next_state(Outcome.TRANSIENT, attempt, most),
    ]
