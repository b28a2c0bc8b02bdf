"""Control from another shell: pause, cancel, stop, detach, attach; order and throttle."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from e2e.conftest import until

from ledger.coordinator.throttle import Throttle, hottest_sensor

if TYPE_CHECKING:
    from queues.conftest import Bulk

WAIT = "echo {} >> began; while [ ! -e go ]; do sleep 0.02; done; echo {} >> ended"


def _began(bulk: Bulk) -> list[str]:
    path = bulk.root / "began"
    return path.read_text("utf-8").split() if path.exists() else []


def test_pause_and_resume_while_a_run_goes_on(bulk: Bulk) -> None:
    """What runs is finished, nothing new begins, and the run goes on when it is told to."""
    bulk.add("x", "--", "sh", "-c", WAIT, ":::", "a", "b")
    run = bulk.start("spawn", 1, "-q")
    until(lambda: _began(bulk) == ["a"], "a")
    bulk.run("pause", "--only", "x")
    bulk.write("go", "")
    until(lambda: bulk.states("x")["a"] == "done", "a is done")
    assert (_began(bulk), run.poll()) == (["a"], None)
    bulk.run("resume")
    run.communicate(timeout=30)
    assert (run.returncode, _began(bulk)) == (0, ["a", "b"])


def test_a_run_that_could_do_nothing_says_so(bulk: Bulk) -> None:
    """All is paused: no endless wait."""
    bulk.add("x", "--", "echo", "{}", ":::", "a")
    bulk.run("pause")
    assert "ledger resume" in bulk.spawn(expect=3)
    bulk.add("y", "--", "echo", "{}", ":::", "a")
    bulk.run("resume", "--only", "y")
    assert "paused" in bulk.spawn(expect=3)
    bulk.run("resume")
    bulk.spawn()


def test_cancel_takes_what_waits(bulk: Bulk) -> None:
    """What is done stays done, and its file stays."""
    bulk.add("x", "--out", "{}.txt", "--", "echo", "{}", ":::", "a", "b", "c")
    bulk.spawn("--limit", 1)
    bulk.run("retry", "--key", "x/c", "--all")
    assert "1 job cancelled" in bulk.run("cancel", "--only", "x", "--key", "c")
    assert bulk.states("x") == {"a": "done", "b": "done"}
    bulk.add("z", "--", "echo", "{}", ":::", "1", "2")
    assert "2 jobs cancelled" in bulk.run("cancel", "--only", "z")
    bulk.run("cancel", "--only", "nothing", expect=2)


def test_stop_from_another_shell(bulk: Bulk) -> None:
    """The job in hand is finished, the rest waits; --now does not wait for it."""
    bulk.add("x", "--", "sh", "-c", WAIT, ":::", "a", "b")
    run = bulk.start("spawn", 1, "-q")
    until(lambda: _began(bulk) == ["a"], "a")
    stop = bulk.start("stop")
    assert stop.stderr is not None and "stopping" in stop.stderr.readline()
    bulk.write("go", "")
    stop.communicate(timeout=30)
    run.communicate(timeout=30)
    assert (stop.returncode, run.returncode) == (0, 130)
    assert bulk.states("x") == {"a": "done", "b": "pending"}
    (bulk.root / "go").unlink()
    run = bulk.start("spawn", 1, "-q")
    until(lambda: _began(bulk) == ["a", "b"], "b")
    bulk.run("stop", "--now")
    run.communicate(timeout=30)
    assert bulk.states("x")["b"] == "pending"
    assert "no run goes on" in bulk.run("stop", expect=2)


def test_one_queue_after_another(bulk: Bulk) -> None:
    """And not at all when the first one failed; circles and unknown names are refused."""
    bulk.add("first", "--", "sh", "-c", "test -e fine && echo first >> order", ":::", "1", "2")
    bulk.add("second", "--after", "first", "--", "sh", "-c", "echo second >> order")
    bulk.spawn(2, "--keep-going", expect=1)
    assert bulk.states("second") == {"once": "pending"}
    bulk.write("fine", "")
    bulk.run("retry", "--failed")
    bulk.spawn(2)
    assert bulk.read("order").split() == ["first", "first", "second"]
    assert "wait for each other" in bulk.add("first", "--after", "second", "--", "sh", "-c",
        "test -e fine && echo first >> order", ":::", "1", "2", expect=2)  # fmt: skip
    assert "no queue is called" in bulk.add("x", "--after", "y", "--", "echo", expect=2)


def test_only_one_queue_and_what_comes_before(bulk: Bulk) -> None:
    """--only takes a queue with those it is after; others stay as they are."""
    for name, more in (("a", ()), ("b", ("--after", "a")), ("c", ())):
        bulk.add(name, *more, "--", "echo", name)
    bulk.spawn("--only", "b")
    states = [bulk.states(name)["once"] for name in "abc"]
    assert states == ["done", "done", "deselected"]
    assert "no queue or job kind" in bulk.spawn("--only", "d", expect=2)


def test_the_most_urgent_first(bulk: Bulk) -> None:
    """Priority counts over all queues."""
    bulk.add("low", "--", "sh", "-c", "echo low >> order")
    bulk.add("high", "--priority", "5", "--", "sh", "-c", "echo high >> order", ":::", "1", "2")
    bulk.spawn(1)
    assert bulk.read("order").split() == ["high", "high", "low"]


def test_no_more_at_once_than_allowed(bulk: Bulk) -> None:
    """Of six workers two are at a queue that allows two, and others do something else."""
    count = "mkdir in.{}; ls -d in.* | wc -l >> seen; sleep 0.05; rmdir in.{}"
    bulk.add("x", "--concurrency", "2", "--", "sh", "-c", count, ":::", *range(12))
    bulk.spawn(6)
    assert max(map(int, bulk.read("seen").split())) == 2


def test_detach_and_attach(bulk: Bulk) -> None:
    """A run in the background, watched until Ctrl+C, then until its end."""
    bulk.add("x", "--", "sh", "-c", WAIT, ":::", "a")
    assert "ledger attach" in bulk.run("spawn", "1", "--detach")
    until(lambda: _began(bulk) == ["a"], "a")
    watch = bulk.start("attach")
    assert watch.stderr is not None
    assert "1 to build" in watch.stderr.readline()
    os.kill(watch.pid, signal.SIGINT)
    assert "the run goes on" in watch.communicate(timeout=30)[1]
    watch = bulk.start("attach")
    assert watch.stderr is not None
    watch.stderr.readline()
    bulk.write("go", "")
    watch.communicate(timeout=30)
    until(lambda: bulk.states("x") == {"a": "done"}, "the end")
    assert "no run goes on" in bulk.run("attach", expect=2)


def test_a_detached_run_that_cannot_begin_says_why(bulk: Bulk) -> None:
    """Not only in a log."""
    bulk.add("x", "--", "no-such-program")
    assert "no-such-program" in bulk.run("spawn", "--detach", expect=2)


def test_a_busy_machine_holds_claims_back(bulk: Bulk) -> None:
    """With a limit that nothing meets nothing begins, and status says why."""
    bulk.add("x", "--", "echo", "{}", ":::", "a")
    run = bulk.start("spawn", 1, "-q", "--memfree", "1000000G")
    until(lambda: "memory are free" in bulk.run("status"), "why it waits")
    assert bulk.states("x") == {"a": "pending"}
    bulk.run("stop")
    run.communicate(timeout=30)


def test_restraint() -> None:
    """Only what is named counts; a machine that tells no temperature is not called cool or hot."""
    assert Throttle().why() is None
    assert "load" in (Throttle(load=-1.0).why() or "")
    assert Throttle(load=1e9, memfree=1).why() is None
    assert "memory" in (Throttle(memfree=10**18).why() or "")
    if hottest_sensor() is None:
        assert "no sensor" in Throttle(temperature=50).notes()[0]
    assert Throttle().notes() == []


def test_those_who_come_too_late_are_no_casualties(bulk: Bulk) -> None:
    """More workers than work: whoever is sent home while it starts has not died."""
    bulk.add("x", "--", "true", ":::", "1", "2", "3")
    for _ in range(3):
        assert "died" not in bulk.run("spawn", 9)
        bulk.run("retry", "--only", "x", "--all")
    assert bulk.sql("SELECT DISTINCT outcome FROM workers") == [("finished",)]
