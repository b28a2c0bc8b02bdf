"""Queues beside a site, and what other commands do about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from queues.conftest import Bulk


@pytest.mark.slow
def test_a_new_plan_leaves_queues_alone(bulk: Bulk) -> None:
    """Neither their jobs nor their files are the site's to remove; a spawn does both."""
    bulk.run("init", "--kind", "blog")
    bulk.add("copy", "--out", "copies/{name}", "--", "cp", "{path}", "{out}", ":::", "ledger.toml")
    bulk.spawn(2)
    bulk.write("content/2026-11-20-new.md", "# New\n\nText.\n")
    bulk.run("init")
    assert bulk.states("copy") == {"ledger.toml": "done"}
    bulk.spawn(2)
    assert bulk.read("copies/ledger.toml") == bulk.read("ledger.toml")
    assert (bulk.root / "site" / "index.html").exists()
    assert "all is well" in bulk.run("doctor")
    bulk.spawn("--only", "copy")


def test_a_project_for_queues_alone(bulk: Bulk) -> None:
    """It has nothing to plan, and says what it has."""
    assert "0 documents, 0 jobs" in bulk.run("init", "--kind", "bulk")
    assert 'kind = "bulk"' in bulk.read("ledger.toml")
    bulk.spawn()
    assert "0 of 0 done" in bulk.run("status")


def test_lost_and_damaged_outputs_are_made_again(bulk: Bulk) -> None:
    """As the pages of a site are."""
    bulk.add("x", "--out", "{}.txt", "--", "echo", "{}", ":::", "a", "b", "c")
    bulk.spawn(2)
    (bulk.root / "a.txt").unlink()
    bulk.write("b.txt", "x\n")
    assert "b.txt" in bulk.run("verify", expect=1)
    bulk.spawn(2)
    assert [bulk.read(f"{name}.txt") for name in "abc"] == ["a\n", "b\n", "c\n"]
    assert bulk.sql("SELECT count(*) FROM attempts") == [(5,)]


def test_doctor_knows_queues(bulk: Bulk) -> None:
    """A price that is missing, vectors of two widths, a job that waits for somebody to decide."""
    bulk.write("in.jsonl", '{"id": 1, "text": "a"}\n{"id": 2, "text": "b"}\n')
    bulk.write("p.j2", "{{ text }}")
    words = ["--kind", "llm", "--input", "in.jsonl", "--prompt", "p.j2", "--embed", "--model", "m"]
    bulk.add("vectors", *words, "--key-env", "", "--budget", "1", "--uncertain", "park")
    with bulk.store(read_only=False) as store, store.immediate():
        store.connection.execute("INSERT INTO results VALUES (1, '[1, 2]'), (2, '[1, 2, 3]')")
        store.connection.execute("UPDATE jobs SET state = 'failed', uncertain = 1 WHERE id = 2")
        store.connection.execute("UPDATE jobs SET state = 'done' WHERE id = 1")
    (bulk.root / ".ledger").chmod(0o777)
    said = bulk.run("doctor", expect=1)
    for told in ("no price for 'm'", "1 of 2, 1 of 3", "retry --uncertain", "anybody may write"):
        assert told in said, said


def test_status_in_json(bulk: Bulk) -> None:
    """What a script may want to know of a queue."""
    import json

    bulk.add("x", "--rate", "300/min", "--concurrency", "2", "--", "echo", "{}", ":::", "a")
    queue = json.loads(bulk.run("status", "--json"))["queues"][0]
    assert (queue["name"], queue["rate"], queue["concurrency"], queue["paused"]) == (
        "x",
        5.0,
        2,
        False,
    )
    assert "rate 300.0/min" in bulk.run("status")


def test_a_page_and_a_queue_never_share_a_path(bulk: Bulk) -> None:
    """Whichever comes second is refused, with both named."""
    bulk.run("init", "--kind", "blog")
    said = bulk.add("x", "--out", "site/index.html", "--", "echo", expect=2)
    assert "command/x/once" in said and "list//1" in said
    bulk.add("x", "--out", "site/2030/01/01/new/index.html", "--", "echo")
    bulk.write("content/2030-01-01-new.md", "# New\n")
    said = bulk.run("init", expect=2)
    assert "command/x/once" in said and "post/" in said
