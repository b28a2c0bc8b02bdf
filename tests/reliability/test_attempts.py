"""Which causes cost a job an attempt, seen in real runs: one worker, which holds b, c and d at once."""

from __future__ import annotations

import signal

import pytest
from e2e.conftest import until

LATER = "from ledger.errors import TransientJobError; raise TransientJobError('not now')"
# both say when the coordinator has passed a signal on: one then drains, the other does not
HEARS = """
drain = signal.getsignal(signal.SIGTERM)
signal.signal(signal.SIGTERM, lambda *more: (drain(*more), (root / "told").touch()))
(root / "listening").touch()
wait("told")
"""
DEAF = """
signal.signal(signal.SIGTERM, lambda *_: (root / "told").touch())
(root / "listening").touch()
wait("never")
"""


@pytest.mark.parametrize(
    ("code", "once", "settings", "exit_code", "attempts"),
    [
        ("1 / 0", False, "", 1, "1 1 0 0"),
        (LATER, True, "", 0, "1 2 1 1"),
        ("os.kill(os.getpid(), 9)", True, "", 0, "1 2 1 1"),
        ("os.kill(os.getpid(), 19)", True, "lease_seconds = 1", 0, "1 2 1 1"),
    ],
    ids=["fails", "later", "killed", "silent"],
)
def test_who_pays_for_what_a_job_does(trial, code, once, settings, exit_code, attempts):
    """The job itself, for its own failure and for a death with it in hand; never the others."""
    site = trial("abcd", f"[workers]\n{settings}\n")
    site.order("b", code, once=once)

    site.run("spawn", 1, expect=exit_code)

    assert site.column("attempts") == attempts


def test_a_drain_costs_nothing(trial):
    """The job in hand is finished; what else the worker holds goes back uncharged."""
    site = trial("abcd")
    site.order("b", HEARS)
    process = site.start("spawn", 1)
    until((site.root / "listening").exists, "the job")
    until(lambda: site.log("worker called"), "the coordinator")

    process.terminate()
    site.finish(process, expect=130)

    assert (site.column("attempts"), site.outcomes()) == ("1 1 0 0", ["drained"])
    assert site.runs() == {"a": 1, "b": 1}


def test_a_second_interrupt_costs_nothing(trial):
    """It ends a job that does not listen, and says nothing against it."""
    site = trial("abcd")
    site.order("b", DEAF)
    process = site.start("spawn", 1)
    until((site.root / "listening").exists, "the job")
    until(lambda: site.log("worker called"), "the coordinator")

    process.send_signal(signal.SIGINT)
    until((site.root / "told").exists, "the drain")
    process.send_signal(signal.SIGINT)
    site.finish(process, expect=130)

    assert (site.column("attempts"), site.column("state")) == (
        "1 0 0 0",
        "done pending pending pending",
    )


def test_the_end_of_a_whole_run_costs_nothing(trial):
    """Killed with its coordinator: that is no evidence against a job."""
    site = trial("abcd")
    site.order("b", "wait('never')", once=True)
    process = site.start("spawn", 1)
    site.wait_for("b began")

    site.kill_all(process)
    site.run("spawn", 1)

    assert (site.column("attempts"), site.runs()["b"]) == ("1 1 1 1", 2)


def test_retry_and_a_new_plan_count_anew(trial):
    """A failed job that is put back, or planned otherwise, has all its attempts, and no delay."""
    site = trial("abc", "[workers]\nmax_attempts = 1\n")
    site.order("b", LATER)
    site.run("spawn", 1, expect=1)
    assert site.column("attempts") == "1 1 0"
    site.sql("UPDATE jobs SET not_before = 1e12 WHERE state = 'failed'")

    site.run("retry", "--failed")
    assert (site.column("attempts"), site.column("not_before")) == ("1 0 0", "0.0 0.0 0.0")

    site.sql("UPDATE jobs SET state = 'failed', attempts = 1, not_before = 1e12 WHERE key = 'b'")
    (site.root / "jobs.json").write_text('{"a": {}, "b": {"edition": 2}, "c": {}}')
    site.write_poems(site.poems())  # what `init` looks at to see that there is something to plan
    site.run("init")
    assert (site.column("attempts"), site.column("not_before")) == ("1 0 0", "0.0 0.0 0.0")
