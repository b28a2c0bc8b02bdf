"""Requests: limits that twenty processes keep together, what is uncertain, and a key nobody sees."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from queues.paid import KEY, Paid, Work, most_in_window, storm

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from queues.conftest import Queues


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_nothing_is_paid_twice_while_workers_are_killed(tmp_path: Path) -> None:
    """Every page is extracted, no ceiling and no rate is passed; `python -m queues.paid` does 6,594."""
    found = storm(tmp_path, 160, seed=7, workers=6, rate=60, burst=12, every=0.7)
    assert found["kills"] > 0


@pytest.fixture
def calm(tmp_path: Path) -> Iterator[tuple[Work, Paid]]:
    """A server that answers all, and a few pages."""
    work = Work(tmp_path / "project", 12)
    with Paid(tmp_path, 1, moody=False) as server:
        work.plant(server.port)
        yield work, server


def test_a_ceiling_in_money_is_exact(calm: tuple[Work, Paid]) -> None:
    """Exit code 4 when it is reached; a higher budget continues from there."""
    work, server = calm
    work.add("--rate", "none", "--budget", "0.0016")
    said = work.run("spawn", "3", "-q", "--only", "facts", expect=4)
    queue = work.queue()
    assert "with more: it continues" in said and "the next job may take $0.00" in said
    assert 0 < queue.money_spent <= (queue.money_ceiling or 0) == 1_600_000_000
    status = json.loads(work.run("status", "--json"))["queues"][0]
    assert status["exhausted"] and status["money_spent"] <= 0.0016
    work.run("spawn", "3", "-q", "--only", "facts", "--budget", "5")
    meter = server.meter()
    assert {len(paid) for paid in meter["paid"].values()} == {1}
    # 2 and 10 a million tokens, as the settings say: to the last unit
    price = {"prompt": 2_000_000, "answer": 10_000_000}
    exact = sum(
        (sum(paid) - 3 - len(page)) * price["prompt"] + (3 + len(page)) * price["answer"]
        for page, paid in meter["paid"].items()
    )
    assert work.queue().money_spent == exact


def test_a_budget_needs_a_price(calm: tuple[Work, Paid]) -> None:
    """What costs nobody knows how much is not begun."""
    work, server = calm
    settings = work.root / "ledger.toml"
    settings.write_text(settings.read_text("utf-8").partition("[prices]")[0], "utf-8")
    work.add("--budget", "1.00")
    assert "no price for 'paid-1'" in work.run("spawn", "1", "-q", expect=2)
    assert server.meter()["arrivals"] == []


@pytest.mark.slow
def test_the_key_is_nowhere(calm: tuple[Work, Paid]) -> None:
    """Not in the ledger, the logs, an error or a report, though the server repeats what it is sent."""
    work, _ = calm
    work.environment["PAID_KEY"] = wrong = "sk-wrong-key-77aa"
    work.add()
    said = work.run("spawn", "1", "-q", expect=1)
    said += work.run("status") + work.run("status", "--json") + work.run("report")
    assert "[key]" in said and "HTTP 401" in said
    work.environment["PAID_KEY"] = KEY
    work.run("retry", "--failed")
    said += work.run("spawn", "2", "-q") + work.run("export", "facts")
    files = [path for path in work.root.rglob("*") if path.is_file()]
    assert len(files) > 15
    for key in (wrong, KEY):
        assert key not in said
        assert not [path for path in files if key.encode() in path.read_bytes()]


def test_a_missing_key_and_an_open_key_file_are_told_before(calm: tuple[Work, Paid]) -> None:
    """With what to do about it; a file that only its owner may read will do."""
    work, _ = calm
    del work.environment["PAID_KEY"]
    work.add()
    assert "PAID_KEY is not set" in work.run("spawn", "1", "-q", expect=2)
    assert "PAID_KEY is not set" in work.run("doctor", expect=1)
    key = work.root / "key"
    key.write_text(KEY + "\n", "utf-8")
    key.chmod(0o644)
    work.add("--key-file", "key")
    assert "chmod 600" in work.run("spawn", "1", "-q", expect=2)
    key.chmod(0o600)
    work.run("spawn", "1", "-q")


def test_a_header_is_no_place_for_a_key(queues: Queues) -> None:
    """It would stand in the ledger."""
    words = [
        "--kind",
        "http",
        "--url",
        "http://x/{}",
        "--header",
        "Authorization: Bearer abc",
        ":::",
        "1",
    ]
    assert "--key-env" in queues.add("x", *words, expect=2)


def test_an_answer_that_does_not_fit_is_asked_for_again_and_paid(calm: tuple[Work, Paid]) -> None:
    """It is refused, with what is wrong with it; its price counts."""
    work, server = calm
    work.add("--retries", "0")
    with_more = {"type": "object", "required": ["pages"]}
    (work.root / "facts.schema.json").write_text(json.dumps(with_more), "utf-8")
    work.add("--retries", "0", "--replace")
    said = work.run("spawn", "1", "-q", expect=1)
    assert "does not fit the schema" in said and "'pages' is a required property" in said
    assert work.queue().tokens_spent > 0
    assert server.meter()["paid"]


def test_a_prompt_with_a_hole_is_told_before(calm: tuple[Work, Paid]) -> None:
    """The field that is missing is named when the work is added."""
    work, _ = calm
    (work.root / "facts.j2").write_text("page {{ id }} {{ titel }}", "utf-8")
    words = ["--name", "facts", "--kind", "llm", "--input", "pages.jsonl", "--prompt", "facts.j2"]
    assert "'titel' is undefined" in work.run("add", *words, expect=2)


@pytest.mark.slow
def test_an_adaptive_rate_goes_down_and_up_again(tmp_path: Path) -> None:
    """A refusal halves it, successes bring it back; status tells the history."""
    work = Work(tmp_path / "project", 180)
    with Paid(tmp_path, 3) as server:
        work.plant(server.port)
        work.add("--rate", "60/s", "--burst", "6", "--adaptive")
        work.run("spawn", "4", "-q", "--keep-going")
        meter = server.meter()
    with work.store() as store:
        rate_changes = store.reports.rate_changes_of(1000, 100)
    assert meter["refusals"] and most_in_window(meter["arrivals"], 1.0) <= 66
    assert {change.why for change in rate_changes} == {"refused", "recovering"}
    assert min(change.per_second for change in rate_changes) == 30.0
    assert "→" in work.run("status")


def test_plain_requests(queues: Queues, tmp_path: Path) -> None:
    """A table of addresses, answers in files; a body that is JSON is a result."""
    with Paid(tmp_path, 1, moody=False) as server:
        url = f"http://127.0.0.1:{server.port}/{{id}}"
        queues.environment["SECRET"] = KEY
        queues.write("ids.csv", "id\np1\np2\n")
        body = '{{"messages": [{{"content": "page {id} x"}}]}}'
        words = ["--kind", "http", "--input", "ids.csv", "--url", url, "--body", body]
        words += ["--key-env", "SECRET", "--cost", "0.25", "--budget", "0.50"]
        queues.add("ask", *words)
        queues.spawn(2)
        queues.add("keep", *words, "--out", "got/{id}.json")
        queues.spawn(2)
    results: list[dict[str, Any]] = [
        json.loads(row[0]) for row in queues.sql("SELECT value FROM results ORDER BY job")
    ]
    assert results[0]["body"]["choices"][0]["message"]["content"].startswith('{"page": "p1"')
    assert "body" not in results[2]
    assert json.loads(queues.read("got/p2.json"))["usage"]["prompt_tokens"] == 7
    assert "$0.50 spent of $0.50" in queues.run("status")


def test_a_server_that_is_not_there_is_not_uncertain(queues: Queues) -> None:
    """Nothing was sent: it may be tried again."""
    words = ["--kind", "http", "--url", "http://127.0.0.1:9/{}", "--retries", "0", ":::", "1"]
    queues.add("x", *words)
    assert "no connection" in queues.spawn(expect=1)
    assert queues.sql("SELECT uncertain FROM jobs") == [(0,)]


@pytest.mark.slow
def test_a_lost_file_is_not_paid_for_again(calm: tuple[Work, Paid]) -> None:
    """The answer is in the ledger; a changed prompt, or asking for it, asks the server again."""
    work, server = calm
    work.add()
    work.run("spawn", "2", "-q")
    before = (work.root / "facts" / "p00003.json").read_bytes()
    (work.root / "facts" / "p00003.json").unlink()
    (work.root / "facts" / "p00004.json").write_text("damaged", "utf-8")
    work.run("verify", expect=1)
    work.run("spawn", "2", "-q")
    assert before == (work.root / "facts" / "p00003.json").read_bytes()
    work.run("retry", "--all", "--key", "facts/p00005")
    work.run("spawn", "2", "-q")
    paid = server.meter()["paid"]
    assert (len(paid["p00003"]), len(paid["p00004"]), len(paid["p00005"])) == (1, 1, 2)


def test_what_a_server_repeats_of_a_key_goes_into_no_file(queues: Queues, tmp_path: Path) -> None:
    """Not even when it is the answer."""
    with Paid(tmp_path, 1, moody=False) as server:
        queues.environment["SECRET"] = KEY
        body = '{{"messages": [{{"content": "page echo"}}]}}'
        words = ["--kind", "http", "--url", f"http://127.0.0.1:{server.port}/{{}}", "--body", body]
        queues.add("kept", *words, "--key-env", "SECRET", "--out", "{}.json", ":::", "a")
        queues.add("told", *words, "--key-env", "SECRET", ":::", "a")
        queues.spawn(1)
    assert "bearer [key]" in queues.read("a.json")
    assert "bearer [key]" in queues.run("export", "told")
    files = [path for path in queues.root.rglob("*") if path.is_file()]
    assert not [path for path in files if KEY.encode() in path.read_bytes()]
