"""Control from another shell: pause, cancel, stop, detach, attach; order and throttle."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from e2e.conftest import until

from ledger.coordinator.throttle import Throttle, hottest_sensor

if TYPE_CHECKING:
    from queues.conftest import Queues

WAIT = "echo {} >> began; while [ ! -e go ]; do sleep 0.02; done; echo {} >> ended"


def _began(queues: Queues) -> list[str]:
    path = queues.root / "began"
    return path.read_text("utf-8").split() if path.exists() else []


def test_pause_and_resume_while_a_run_goes_on(queues: Queues) -> None:
    """What runs is finished, nothing new begins, and the run continues on resume."""
    queues.add("x", "--", "sh", "-c", WAIT, ":::", "a", "b")
    run = queues.start("spawn", 1, "-q")
    until(lambda: _began(queues) == ["a"], "a")
    queues.run("pause", "--only", "x")
    queues.write("go", "")
    until(lambda: queues.states("x")["a"] == "done", "a is done")
    assert (_began(queues), run.poll()) == (["a"], None)
    queues.run("resume")
    run.communicate(timeout=30)
    assert (run.returncode, _began(queues)) == (0, ["a", "b"])


def test_a_run_that_could_do_nothing_says_so(queues: Queues) -> None:
    """All is paused: no endless wait."""
    queues.add("x", "--", "echo", "{}", ":::", "a")
    queues.run("pause")
    assert "ledger resume" in queues.spawn(expect=3)
    queues.add("y", "--", "echo", "{}", ":::", "a")
    queues.run("resume", "--only", "y")
    assert "paused" in queues.spawn(expect=3)
    queues.run("resume")
    queues.spawn()


def test_cancel_takes_what_waits(queues: Queues) -> None:
    """What is done stays done, and its file stays."""
    queues.add("x", "--out", "{}.txt", "--", "echo", "{}", ":::", "a", "b", "c")
    queues.spawn("--limit", 1)
    queues.run("retry", "--key", "x/c", "--all")
    assert "1 job cancelled" in queues.run("cancel", "--only", "x", "--key", "c")
    assert queues.states("x") == {"a": "done", "b": "done"}
    queues.add("z", "--", "echo", "{}", ":::", "1", "2")
    assert "2 jobs cancelled" in queues.run("cancel", "--only", "z")
    queues.run("cancel", "--only", "nothing", expect=2)


def test_stop_from_another_shell(queues: Queues) -> None:
    """The job in hand is finished, the rest waits; --now does not wait for it."""
    queues.add("x", "--", "sh", "-c", WAIT, ":::", "a", "b")
    run = queues.start("spawn", 1, "-q")
    until(lambda: _began(queues) == ["a"], "a")
    stop = queues.start("stop")
    assert stop.stderr is not None and "stopping" in stop.stderr.readline()
    # The coordinator has the signal now, and passes it on to its worker. Nothing shows when that
    # has it, too; the life of another process is longer, however loaded the machine is.
    queues.start("status").communicate(timeout=30)
    queues.write("go", "")
    stop.communicate(timeout=30)
    run.communicate(timeout=30)
    assert (stop.returncode, run.returncode) == (0, 130)
    assert queues.states("x") == {"a": "done", "b": "pending"}
    (queues.root / "go").unlink()
    run = queues.start("spawn", 1, "-q")
    until(lambda: _began(queues) == ["a", "b"], "b")
    queues.run("stop", "--now")
    run.communicate(timeout=30)
    assert queues.states("x")["b"] == "pending"
    assert "no run is in progress" in queues.run("stop", expect=2)


def test_one_queue_after_another(queues: Queues) -> None:
    """And not at all when the first one failed; circles and unknown names are refused."""
    queues.add("first", "--", "sh", "-c", "test -e fine && echo first >> order", ":::", "1", "2")
    queues.add("second", "--after", "first", "--", "sh", "-c", "echo second >> order")
    queues.spawn(2, "--keep-going", expect=1)
    assert queues.states("second") == {"once": "pending"}
    queues.write("fine", "")
    queues.run("retry", "--failed")
    queues.spawn(2)
    assert queues.read("order").split() == ["first", "first", "second"]
    assert "wait for each other" in queues.add("first", "--after", "second", "--", "sh", "-c",
        "test -e fine && echo first >> order", ":::", "1", "2", expect=2)  # fmt: skip
    assert "no queue is called" in queues.add("x", "--after", "y", "--", "echo", expect=2)


def test_only_one_queue_and_what_comes_before(queues: Queues) -> None:
    """--only takes a queue with those it is after; others stay as they are."""
    for name, more in (("a", ()), ("b", ("--after", "a")), ("c", ())):
        queues.add(name, *more, "--", "echo", name)
    queues.spawn("--only", "b")
    states = [queues.states(name)["once"] for name in "abc"]
    assert states == ["done", "done", "deselected"]
    assert "no queue or job kind" in queues.spawn("--only", "d", expect=2)


def test_the_most_urgent_first(queues: Queues) -> None:
    """Priority counts over all queues."""
    queues.add("low", "--", "sh", "-c", "echo low >> order")
    queues.add("high", "--priority", "5", "--", "sh", "-c", "echo high >> order", ":::", "1", "2")
    queues.spawn(1)
    assert queues.read("order").split() == ["high", "high", "low"]


def test_no_more_at_once_than_allowed(queues: Queues) -> None:
    """Of six workers two are at a queue that allows two, and others do something else."""
    count = "mkdir in.{}; ls -d in.* | wc -l >> seen; sleep 0.05; rmdir in.{}"
    queues.add("x", "--concurrency", "2", "--", "sh", "-c", count, ":::", *range(12))
    queues.spawn(6)
    assert max(map(int, queues.read("seen").split())) == 2


def test_detach_and_attach(queues: Queues) -> None:
    """A run in the background, watched until Ctrl+C, then until its end."""
    queues.add("x", "--", "sh", "-c", WAIT, ":::", "a")
    assert "ledger attach" in queues.run("spawn", "1", "--detach")
    until(lambda: _began(queues) == ["a"], "a")
    watch = queues.start("attach")
    assert watch.stderr is not None
    assert "1 to build" in watch.stderr.readline()
    os.kill(watch.pid, signal.SIGINT)
    assert "the run continues" in watch.communicate(timeout=30)[1]
    watch = queues.start("attach")
    assert watch.stderr is not None
    watch.stderr.readline()
    queues.write("go", "")
    watch.communicate(timeout=30)
    until(lambda: queues.states("x") == {"a": "done"}, "the end")
    assert "no run is in progress" in queues.run("attach", expect=2)


def test_a_detached_run_that_cannot_begin_says_why(queues: Queues) -> None:
    """Not only in a log."""
    queues.add("x", "--", "no-such-program")
    assert "no-such-program" in queues.run("spawn", "--detach", expect=2)


def test_a_busy_machine_holds_claims_back(queues: Queues) -> None:
    """With a limit that nothing meets nothing begins, and status says why."""
    queues.add("x", "--", "echo", "{}", ":::", "a")
    run = queues.start("spawn", 1, "-q", "--memfree", "1000000G")
    until(lambda: "memory are free" in queues.run("status"), "why it waits")
    assert queues.states("x") == {"a": "pending"}
    queues.run("stop")
    run.communicate(timeout=30)


def test_restraint() -> None:
    """Only what is named counts; a machine that tells no temperature is not called cool or hot."""
    assert Throttle().why() is None
    assert "load" in (Throttle(load=-1.0).why() or "")
    assert Throttle(load=1e9, memfree=1).why() is None
    assert "memory" in (Throttle(memfree=10**18).why() or "")
    if hottest_sensor() is None:
        assert "no temperature sensor" in Throttle(temperature=50).notes()[0]
    assert Throttle().notes() == []


def test_those_who_come_too_late_are_no_casualties(queues: Queues) -> None:
    """With more workers than jobs, a worker that is drained while it starts has not died."""
    queues.add("x", "--", "true", ":::", "1", "2", "3")
    for _ in range(3):
        assert "died" not in queues.run("spawn", 9)
        queues.run("retry", "--only", "x", "--all")
    assert queues.sql("SELECT DISTINCT outcome FROM workers") == [("finished",)]
