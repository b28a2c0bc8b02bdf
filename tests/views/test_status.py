"""`ledger status` beside a run that goes on, and after one."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING, Any

from e2e.conftest import until
from queues.conftest import queues  # noqa: F401  # a fixture

if TYPE_CHECKING:
    from queues.conftest import Queues

KEYS = {
    "pending", "deselected", "running", "done", "failed", "parked", "rate", "remaining",
    "unmeasured", "going_on", "run", "kinds", "in_flight", "queues", "uncertain", "failures",
    "sqlite",
}  # fmt: skip


def status(work: Queues) -> dict[str, Any]:
    """What `status --json` says."""
    facts: dict[str, Any] = json.loads(work.run("status", "--json"))
    return facts


def test_another_process_knows_the_time_left(queues: Queues) -> None:  # noqa: F811
    """`status` and `attach` show the rate and the time left that the run itself measures."""
    queues.add("x", "--", "sh", "-c", "test -e go || sleep 0.3", ":::", *range(200))
    run = queues.start("spawn", 2, "-q")
    until(lambda: status(queues)["remaining"], "the time left")
    facts, said = status(queues), queues.run("status")
    queues.write("go", "")
    run.communicate(timeout=60)

    assert 1 < facts["remaining"] < 1000
    assert 0 < facts["rate"] < 100
    assert {each["worker"] for each in facts["in_flight"]} <= {1, 2}
    assert " left" in said
    assert "jobs/" in said


def test_after_a_run_nothing_is_left_to_estimate(queues: Queues) -> None:  # noqa: F811
    """The keys stay, and the measured numbers are gone with the run."""
    queues.add("x", "--", "true")
    queues.spawn(1)
    facts = status(queues)

    assert facts.keys() == KEYS
    assert (facts["rate"], facts["remaining"], facts["going_on"]) == (None, None, False)
    assert "1 of 1 done  last run: done" in queues.run("status")


def test_a_parked_job_is_called_parked(queues: Queues) -> None:  # noqa: F811
    """At the end of its run and in `status`, with the command that puts it back."""
    queues.add("pay", "--uncertain", "park", "--", "sh", "-c", "touch begun; sleep 60", ":::", "a")
    run = queues.start("spawn", 1, "-q", "--keep-going")
    until((queues.root / "begun").exists, "the effect")
    (pid,) = queues.sql("SELECT pid FROM workers WHERE ended_at IS NULL")[0]
    os.kill(pid, signal.SIGKILL)
    _, said = run.communicate(timeout=30)
    facts = status(queues)

    assert "pay/a PARKED" in said
    assert "1 job parked" in said
    assert "ledger retry --uncertain && ledger spawn" in said
    assert "retry --failed" not in said
    assert "FAILED" not in said + queues.run("status")
    assert (facts["failed"], facts["parked"], facts["failures"][0]["parked"]) == (1, 1, True)
