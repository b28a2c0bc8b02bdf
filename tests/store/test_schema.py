"""The schema itself refuses bad states, whoever writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Ledger

BAD = {
    "unknown state": "UPDATE jobs SET state = 'lost' WHERE id = 1",
    "running without a lease": "UPDATE jobs SET state = 'running' WHERE id = 1",
    "lease without running": "UPDATE jobs SET state = 'done' WHERE id = 2",
    "lease on a pending job": "UPDATE jobs SET lease = 1 WHERE id = 1",
    "lease that is not there": "UPDATE jobs SET lease = 99 WHERE id = 2",
    "lease closed over its jobs": "DELETE FROM leases",
    "more attempts than allowed": "UPDATE jobs SET attempts = 4 WHERE id = 1",
    "fewer attempts than none": "UPDATE jobs SET attempts = -1 WHERE id = 1",
    "one key twice": "INSERT INTO jobs (kind, key, phase, fingerprint, max_attempts) "
    "VALUES ('page', '0', 0, 'f', 3)",
    "number that is text": "UPDATE jobs SET phase = 'first' WHERE id = 1",
    "one output twice": "INSERT INTO outputs (path, job) VALUES ('site/0', 2)",
    "output of no job": "INSERT INTO outputs (path, job) VALUES ('site/9', 99)",
    "job gone from its output": "DELETE FROM jobs WHERE id = 1",
    "lease of no worker": "INSERT INTO leases (worker, expires) VALUES (99, 1.0)",
    "worker of no run": "INSERT INTO workers (run, number, pid, started_at) VALUES (99, 1, 1, 1)",
    "worker that ended somehow": "UPDATE workers SET ended_at = 1.0",
    "run that ended somehow": "UPDATE runs SET ended_at = 1.0",
    "run that ended some time": "UPDATE runs SET outcome = 'done'",
    "run that half keeps going": "UPDATE runs SET keep_going = 2",
    "run that half stops": "UPDATE runs SET stopping = 2",
    "failure of no job": "INSERT INTO failures (job, run, worker, attempt, at, what, context, remedy) "
    "VALUES (99, 1, 1, 1, 1, '', '', '')",
    "failure in no run": "INSERT INTO failures (job, run, worker, attempt, at, what, context, remedy) "
    "VALUES (1, 99, 1, 1, 1, '', '', '')",
    "queue among the site's phases": "INSERT INTO queues (phase, name, kind, module, recipe) "
    "VALUES (999, 'x', 'k', 'm', '{}')",
    "queue without a known policy": "INSERT INTO queues (phase, name, kind, module, recipe, policy) "
    "VALUES (1000, 'x', 'k', 'm', '{}', 'hope')",
    "queue without a burst": "INSERT INTO queues (phase, name, kind, module, recipe, burst) "
    "VALUES (1000, 'x', 'k', 'm', '{}', 0)",
    "attempt that ended somehow": "INSERT INTO attempts (job, run, worker, attempt, started_at, "
    "seconds, outcome) VALUES (1, 1, 1, 1, 1.0, 1.0, 'somehow')",
    "attempt at no job": "INSERT INTO attempts (job, run, worker, attempt, started_at, "
    "seconds, outcome) VALUES (99, 1, 1, 1, 1.0, 1.0, 'done')",
    "fewer jobs than none": "UPDATE counters SET n = -1",
}


@pytest.fixture(autouse=True)
def _jobs(ledger: Ledger) -> None:
    """Job 1 is pending and owns an output, job 2 is running."""
    ledger.plan([ledger.job(0, outputs=("site/0",)), ledger.job(1, priority=1)])
    ledger.claim()


@pytest.mark.parametrize("statement", BAD.values(), ids=BAD)
def test_a_bad_state_is_refused(ledger: Ledger, statement: str) -> None:
    """Neither a bug nor a person with a SQL prompt can write it."""
    before = ledger.everything()

    with pytest.raises(ledger.IntegrityError):
        ledger.sql(statement)

    assert before == ledger.everything()


def test_a_file_is_sound(ledger: Ledger) -> None:
    """SQLite's own checks find nothing wrong with a used ledger."""
    assert [("ok",)] == ledger.sql("PRAGMA integrity_check")
    assert [] == ledger.sql("PRAGMA foreign_key_check")


def test_the_claim_is_one_search_in_an_index(ledger: Ledger) -> None:
    """The claim neither scans nor sorts the jobs, however many there are."""
    plan = " ".join(
        row[3]
        for row in ledger.sql(
            "EXPLAIN QUERY PLAN SELECT id FROM jobs WHERE state = 'pending' AND phase = 0 "
            "AND not_before <= 5 ORDER BY priority DESC, id LIMIT 3"
        )
    )

    assert "USING INDEX jobs_to_claim" in plan
    assert "TEMP B-TREE" not in plan
