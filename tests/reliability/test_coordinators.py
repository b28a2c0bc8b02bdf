"""Two commands at once on one ledger, and what a run is about."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from e2e.conftest import until


def test_of_two_inits_one_plans(trial):
    """The other is told who does, and exits with 3; there is one plan."""
    site = trial("abcd", planned=False)
    site.more = {
        "LEDGER_CHAOS": "reliability.hold",
        "HOLD_AT": "PLAN_WRITTEN",
        "HOLD_FOLDER": str(site.root),
    }
    first = site.start("init")
    until((site.root / "held").exists, "the plan")

    report = site.run("init", expect=3)
    site.go()

    assert f"pid {first.pid}" in report
    assert "4 new" in site.finish(first)
    assert "nothing changed" in site.run("init")


def test_inits_in_a_storm_leave_one_plan(trial):
    """Three at once, at whatever moment each: one plan, and no other ending than 0 or 3."""
    site = trial("abcd", planned=False)

    inits = [site.start("init") for _ in range(3)]
    said = [process.communicate(timeout=60)[1] for process in inits]

    assert {process.returncode for process in inits} <= {0, 3}, said
    assert site.column("key") == "a b c d"


def test_two_paths_are_one_project(trial):
    """By way of a link it is the same ledger, and has one coordinator."""
    site = trial("a")
    site.order("a", "wait('go')")
    first = site.start("spawn", 1)
    site.wait_for("a began")
    link = site.root.parent / "link"
    link.symlink_to(site.root)

    reports = [site.run(*command, "-C", link, expect=3) for command in (["spawn", 1], ["init"])]
    site.go()
    site.finish(first)

    assert all(f"pid {first.pid}" in report for report in reports)
    assert site.runs() == {"a": 1}


def test_a_dead_coordinator_keeps_nobody_out(trial):
    """Its worker, which goes on for a while, has not inherited its lock; and no job pays for it."""
    site = trial("ab")
    site.order("a", "wait('go')")
    first = site.start("spawn", 1)
    site.wait_for("a began")

    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    site.run("init")

    site.go()
    until(lambda: not site.worker_pids(), "the worker's end")
    site.run("spawn", 1)
    assert (site.runs(), site.column("attempts")) == ({"a": 1, "b": 1}, "1 1")


def test_a_drain_reaches_a_worker_that_is_just_being_started(trial):
    """A SIGTERM that comes before the coordinator has noted its child is not lost on that child."""
    site = trial("abcdefgh")
    site.more = {
        "LEDGER_CHAOS": "reliability.hold",
        "HOLD_AT": "WORKER_CALLED",
        "HOLD_FOLDER": str(site.root),
    }
    for key in "abcdefgh":
        site.order(key, "time.sleep(0.3)")
    process = site.start("spawn", 1)
    until((site.root / "held").exists, "the worker")

    process.terminate()
    site.go()
    site.finish(process, expect=130)

    assert len(site.runs()) < 8


def test_an_edit_after_the_plan_is_told(trial):
    """The run goes by the plan, and says what it leaves out."""
    site = trial("a")
    site.write_poems([*site.poems(), {"id": 2, "category": "trial", "content": "late"}])

    said = site.run("spawn", 1)

    assert "the corpus was edited after it was planned" in said
    assert site.runs() == {"a": 1}


def test_retry_during_a_run(trial):
    """What is put back while others work is built by them; the run then ends well."""
    site = trial("ab")
    site.order("a", "1 / 0", once=True)
    site.order("b", "wait('go')")
    process = site.start("spawn", 2, "--keep-going")
    site.wait_for("b began")
    until(lambda: site.status()["failed"] == 1, "the failure")

    assert "1 job is pending again" in site.run("retry", "--failed")
    site.wait_for("a over")
    site.go()
    site.finish(process)

    assert (site.runs(), site.column("attempts")) == ({"a": 2, "b": 1}, "1 1")


def test_limit_counts_documents_not_what_is_left(trial):
    """The first five, and when those are done six are one more."""
    site = trial("abcdefgh")
    for limit, keys in ((5, "abcde"), (6, "abcdef")):
        site.run("spawn", 1, "--limit", limit)

        assert site.runs() == dict.fromkeys(keys, 1)
        assert {Path(path).stem for path in site.tree()} == set(keys)


def test_a_selection_that_names_nothing_is_not_everything(trial):
    """It is an error, and no process is started."""
    site = trial("ab")

    for only in (["--only", ""], ["--only", "trial", "--only", "nope"]):
        site.run("spawn", 1, *only, expect=2)

    assert (site.ran(), site.status()["run"]) == ([], None)
