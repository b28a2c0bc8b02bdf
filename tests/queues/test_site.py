"""Queues beside a site, and what other commands do about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from queues.conftest import Queues


@pytest.mark.slow
def test_a_new_plan_leaves_queues_alone(queues: Queues) -> None:
    """Neither their jobs nor their files are the site's to remove; a spawn does both."""
    queues.run("init", "--kind", "blog")
    queues.add(
        "copy", "--out", "copies/{name}", "--", "cp", "{path}", "{out}", ":::", "ledger.toml"
    )
    queues.spawn(2)
    queues.write("content/2026-11-20-new.md", "# New\n\nText.\n")
    queues.run("init")
    assert queues.states("copy") == {"ledger.toml": "done"}
    queues.spawn(2)
    assert queues.read("copies/ledger.toml") == queues.read("ledger.toml")
    assert (queues.root / "site" / "index.html").exists()
    assert "all is well" in queues.run("doctor")
    queues.spawn("--only", "copy")


def test_a_project_for_queues_alone(queues: Queues) -> None:
    """It has nothing to plan, and says what it has."""
    assert "0 documents, 0 jobs" in queues.run("init", "--kind", "bulk")
    assert 'kind = "bulk"' in queues.read("ledger.toml")
    queues.spawn()
    assert "0 of 0 done" in queues.run("status")


def test_lost_and_damaged_outputs_are_made_again(queues: Queues) -> None:
    """As the pages of a site are."""
    queues.add("x", "--out", "{}.txt", "--", "echo", "{}", ":::", "a", "b", "c")
    queues.spawn(2)
    (queues.root / "a.txt").unlink()
    queues.write("b.txt", "x\n")
    assert "b.txt" in queues.run("verify", expect=1)
    queues.spawn(2)
    assert [queues.read(f"{name}.txt") for name in "abc"] == ["a\n", "b\n", "c\n"]
    assert queues.sql("SELECT count(*) FROM attempts") == [(5,)]


def test_doctor_knows_queues(queues: Queues) -> None:
    """A price that is missing, vectors of two widths, a job that waits for somebody to decide."""
    queues.write("in.jsonl", '{"id": 1, "text": "a"}\n{"id": 2, "text": "b"}\n')
    queues.write("p.j2", "{{ text }}")
    words = ["--kind", "llm", "--input", "in.jsonl", "--prompt", "p.j2", "--embed", "--model", "m"]
    queues.add("vectors", *words, "--key-env", "", "--budget", "1", "--uncertain", "park")
    with queues.store(read_only=False) as store, store.immediate():
        store.connection.execute("INSERT INTO results VALUES (1, '[1, 2]'), (2, '[1, 2, 3]')")
        store.connection.execute("UPDATE jobs SET state = 'failed', uncertain = 1 WHERE id = 2")
        store.connection.execute("UPDATE jobs SET state = 'done' WHERE id = 1")
    (queues.root / ".ledger").chmod(0o777)
    said = queues.run("doctor", expect=1)
    for told in ("no price for 'm'", "1 of 2, 1 of 3", "retry --uncertain", "any user may write"):
        assert told in said, said


def test_status_in_json(queues: Queues) -> None:
    """What a script may want to know of a queue."""
    import json

    queues.add("x", "--rate", "300/min", "--concurrency", "2", "--", "echo", "{}", ":::", "a")
    queue = json.loads(queues.run("status", "--json"))["queues"][0]
    assert (queue["name"], queue["rate"], queue["concurrency"], queue["paused"]) == (
        "x",
        5.0,
        2,
        False,
    )
    assert "rate 300.0/min" in queues.run("status")


def test_a_page_and_a_queue_never_share_a_path(queues: Queues) -> None:
    """Whichever comes second is refused, with both named."""
    queues.run("init", "--kind", "blog")
    said = queues.add("x", "--out", "site/index.html", "--", "echo", expect=2)
    assert "command/x/once" in said and "list//1" in said
    queues.add("x", "--out", "site/2030/01/01/new/index.html", "--", "echo")
    queues.write("content/2030-01-01-new.md", "# New\n")
    said = queues.run("init", expect=2)
    assert "command/x/once" in said and "post/" in said
