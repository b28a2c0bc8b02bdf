"""`from ledger import Ledger, job`, as a user's script has it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from ledger import Ledger, job
from ledger.errors import LedgerError
from ledger.store.queues import all_queues

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = """
import json, os, sys
from ledger import Ledger, job

@job(retries=int(os.environ.get("RETRIES", "0")))
def work(item):
    with open("calls", "a") as file:
        file.write(f"{item}\\n")
    if item == "bad" and not os.path.exists("mended"):
        raise ValueError("no")
    return {"twice": item * 2}

if __name__ == "__main__":
    workers, *items = sys.argv[1:]
    with Ledger(".") as ledger:
        try:
            print(json.dumps(ledger.map(work, items, workers=int(workers))))
        except Exception as error:
            print(json.dumps([type(error).__name__, str(error)]))
"""


def _map(folder: Path, *words: object, **environment: str) -> Any:
    """What the script's `map` gave."""
    (folder / "script.py").write_text(SCRIPT, "utf-8")
    import os

    done = subprocess.run(
        [sys.executable, "script.py", *map(str, words)], cwd=folder, text=True,
        capture_output=True, timeout=60, check=True, env={**os.environ, **environment},
    )  # fmt: skip
    return json.loads(done.stdout)


def _calls(folder: Path) -> list[str]:
    return (folder / "calls").read_text("utf-8").split()


def test_map_keeps_the_order_and_does_nothing_twice(tmp_path: Path) -> None:
    """Results stand as the items do, and a second map only does what is new."""
    items = [f"i{n}" for n in range(30)]
    assert [each["twice"] for each in _map(tmp_path, 3, *items)] == [item * 2 for item in items]
    assert _map(tmp_path, 3, "new", *items[:2])[0] == {"twice": "newnew"}
    assert sorted(_calls(tmp_path)) == sorted([*items, "new"])


def test_one_worker_is_serial_and_stops_at_the_first_error(tmp_path: Path) -> None:
    """In order, and nothing after the one that failed; calling it again tries it again."""
    kind, text = _map(tmp_path, 1, "a", "bad", "c", "d")
    assert kind == "JobFailedError" and "ValueError: no" in text
    assert _calls(tmp_path) == ["a", "bad"]
    (tmp_path / "mended").touch()
    assert len(_map(tmp_path, 1, "a", "bad", "c", "d")) == 4
    assert _calls(tmp_path) == ["a", "bad", "bad", "c", "d"]


def test_retries_of_a_function(tmp_path: Path) -> None:
    """An exception is tried again as often as the decorator says."""
    assert _map(tmp_path, 1, "bad", RETRIES="1")[0] == "JobFailedError"
    assert _calls(tmp_path) == ["bad", "bad"]


@job
def outside(item: int) -> int:
    """A function of a module."""
    return item + 1


def test_results(tmp_path: Path) -> None:
    """Items, states and values, in the order in which they were added; the call still works."""
    assert outside(1) == 2
    with Ledger(tmp_path) as ledger:
        assert ledger.add(outside, [3, 1, 3]).added == 2
        assert [(each.item, each.state) for each in ledger.results(outside)] == [
            (3, "pending"), (1, "pending"),
        ]  # fmt: skip


def test_a_function_takes_the_limits_of_a_queue(tmp_path: Path) -> None:
    """The same as `ledger add` has, by the same names; queues never wait for each other."""
    limits: dict[str, Any] = {"budget": "5", "cost": "0.01", "rate": "60/min", "concurrency": 2}
    with Ledger(tmp_path) as ledger:
        ledger.add(job(name="first", **limits)(outside.function), [1])
        ledger.add(job(name="second", after=("first",))(outside.function), [1])
        with pytest.raises(LedgerError, match="wait for each other"):
            ledger.add(job(name="first", after=("second",))(outside.function), [1])
        first, second = all_queues(ledger._store)

    assert (first.money_ceiling, first.price_call) == (5 * 10**12, 10**10)
    assert (first.interval, first.concurrency) == (1.0, 2)
    assert (second.after, second.policy) == ('["first"]', "retry")


def test_what_cannot_be_a_job_is_refused(tmp_path: Path) -> None:
    """No worker finds a lambda, and no ledger holds a set."""
    with Ledger(tmp_path) as ledger:
        with pytest.raises(LedgerError, match="cannot be found"):
            ledger.add(job(name="nameless")(lambda item: item), [1])
        with pytest.raises(LedgerError, match="is not JSON"):
            ledger.add(outside, [{1, 2}])
        with pytest.raises(LedgerError, match="no queue is called"):
            list(ledger.results("nothing"))


def test_importing_ledger_stays_cheap() -> None:
    """The command line does not pay for the library."""
    code = "import sys, ledger; print('ledger.api' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, check=True)
    assert done.stdout == "False\n"


def test_what_is_returned_must_be_json(tmp_path: Path) -> None:
    """The failure says so, with what to do, as any other does."""
    script = SCRIPT.replace('{"twice": item * 2}', "{1, 2}")
    (tmp_path / "odd.py").write_text(script, "utf-8")
    done = subprocess.run(
        [sys.executable, "odd.py", "1", "a"], cwd=tmp_path, text=True,
        capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    kind, text = json.loads(done.stdout)
    assert kind == "JobFailedError"
    assert "what work returned is not JSON" in text and "return numbers" in text
