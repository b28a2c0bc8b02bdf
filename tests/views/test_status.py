"""`ledger status` beside a run that goes on, and after one."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING, Any

from e2e.conftest import until
from queues.conftest import bulk  # noqa: F401  # a fixture

if TYPE_CHECKING:
    from queues.conftest import Bulk

KEYS = {
    "pending", "deselected", "running", "done", "failed", "parked", "rate", "remaining",
    "unmeasured", "going_on", "run", "kinds", "in_flight", "queues", "uncertain", "failures",
    "sqlite",
}  # fmt: skip


def status(work: Bulk) -> dict[str, Any]:
    """What `status --json` says."""
    facts: dict[str, Any] = json.loads(work.run("status", "--json"))
    return facts


def test_another_process_knows_the_time_left(bulk: Bulk) -> None:  # noqa: F811
    """`status` and `attach` show the rate and the time left that the run itself measures."""
    bulk.add("x", "--", "sh", "-c", "test -e go || sleep 0.3", ":::", *range(200))
    run = bulk.start("spawn", 2, "-q")
    until(lambda: status(bulk)["remaining"], "the time left")
    facts, said = status(bulk), bulk.run("status")
    bulk.write("go", "")
    run.communicate(timeout=60)

    assert 1 < facts["remaining"] < 1000
    assert 0 < facts["rate"] < 100
    assert {each["worker"] for each in facts["in_flight"]} <= {1, 2}
    assert " left" in said
    assert "jobs/" in said


def test_after_a_run_nothing_is_left_to_estimate(bulk: Bulk) -> None:  # noqa: F811
    """The keys stay, and the measured numbers are gone with the run."""
    bulk.add("x", "--", "true")
    bulk.spawn(1)
    facts = status(bulk)

    assert facts.keys() == KEYS
    assert (facts["rate"], facts["remaining"], facts["going_on"]) == (None, None, False)
    assert "1 of 1 done  last run: done" in bulk.run("status")


def test_a_parked_job_is_called_parked(bulk: Bulk) -> None:  # noqa: F811
    """At the end of its run and in `status`, with the command that puts it back."""
    bulk.add("pay", "--uncertain", "park", "--", "sh", "-c", "touch begun; sleep 60", ":::", "a")
    run = bulk.start("spawn", 1, "-q", "--keep-going")
    until((bulk.root / "begun").exists, "the effect")
    (pid,) = bulk.sql("SELECT pid FROM workers WHERE ended_at IS NULL")[0]
    os.kill(pid, signal.SIGKILL)
    _, said = run.communicate(timeout=30)
    facts = status(bulk)

    assert "pay/a PARKED" in said
    assert "1 job parked" in said
    assert "ledger retry --uncertain && ledger spawn" in said
    assert "retry --failed" not in said
    assert "FAILED" not in said + bulk.run("status")
    assert (facts["failed"], facts["parked"], facts["failures"][0]["parked"]) == (1, 1, True)
