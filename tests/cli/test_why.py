"""`ledger why`: each reason for which a job is not claimed, on real ledgers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from ledger.cli.main import main
from ledger.errors import LedgerError, Reason
from ledger.jobs import AttemptRecord, Planned, Settlement, Spent
from ledger.store.migrations import migrate
from ledger.store.plan import PlannedJob, replan, set_fact
from ledger.store.queues import Queue, QueueJob, add_jobs, set_limits, set_paused
from ledger.store.store import Store
from ledger.store.why import explain
from ledger.views.why import sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ledger.jobs import Claim

LEASE = 30.0
PHASE = 1000


class Desk:
    """A ledger with a site of two phases, two queues, a run, and a clock that tests move."""

    def __init__(self, path: Path) -> None:
        self.time = 1_000.0
        self.building = True
        self.store = Store(path, now=lambda: self.time)
        self.run = self.store.start_run(2, keep_going=True)
        self.worker = self.store.start_worker(self.run, 7, 1)

    def plan(self) -> None:
        """Pages: two entries, then one list."""
        jobs = [PlannedJob("entry", 0, Planned(key, "f")) for key in ("a", "b")]
        jobs.append(PlannedJob("list", 1, Planned("a", "f")))
        replan(self.store, jobs=jobs, documents=[], facts={"corpus": "c"}, max_attempts=3)

    def add(self, queue: str = "facts", jobs: int = 2, **limits: Any) -> None:
        """Jobs of a queue, called 0, 1 and so on."""
        made = Queue(queue, "llm", "worker.kinds.queue.llm", {}, limits)
        add_jobs(self.store, made, [QueueJob(str(n), "f", {"n": n}, "", 100) for n in range(jobs)])

    def claim(self, limit: int = 1) -> Claim:
        """A claim that finds something."""
        claim = self.store.claim(self.run, self.worker, limit, LEASE)
        assert claim is not None
        return claim

    def settle(self, state: Any = "done", record: AttemptRecord | None = None, **more: Any) -> None:
        """Claim one job and settle it."""
        claim = self.claim()
        settlement = Settlement(
            claim.jobs[0].id, state, 0.1, record=record, reason=Reason("it broke"), **more
        )
        self.store.settle(self.run, self.worker, claim.token, [settlement])

    def why(self, name: str) -> str:
        """What the command prints."""
        return "\n".join(map(sentence, explain(self.store, name, building=self.building)))

    def reasons(self, name: str) -> list[str]:
        """The reasons for one job."""
        (explanation,) = explain(self.store, name, building=self.building)
        return [str(why.reason) for why in explanation.reasons]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A new one."""
    path = tmp_path / ".ledger" / "ledger.db"
    migrate(path)
    made = Desk(path)
    yield made
    made.store.close()


def _running(desk: Desk) -> None:
    desk.add()
    desk.claim()


def _done(desk: Desk) -> None:
    desk.add()
    desk.settle()


def _failed(desk: Desk) -> None:
    desk.add()
    desk.settle("failed")


def _parked(desk: Desk) -> None:
    desk.add(policy="park")
    job = desk.claim().jobs[0].id
    desk.store.reap_worker(desk.run, desk.worker, job, Reason("died"))


def _backoff(desk: Desk) -> None:
    desk.add()
    desk.settle("pending", not_before=desk.time + 5.0)


def _rest(desk: Desk) -> None:
    desk.add()
    desk.settle("pending", AttemptRecord(0.0, rest=40.0))


def _rate(desk: Desk) -> None:
    desk.add(interval=60.0)
    desk.settle("pending")


def _concurrency(desk: Desk) -> None:
    desk.add(jobs=3, concurrency=1)
    desk.claim()


def _reserved(desk: Desk) -> None:
    desk.add(tokens_ceiling=150)
    desk.claim()


def _exhausted(desk: Desk) -> None:
    desk.add(tokens_ceiling=150)
    desk.settle(record=AttemptRecord(0.0, spent=Spent(100, 0, 1)))
    assert desk.store.claim(desk.run, desk.worker, 1, LEASE) is None


def _queue_paused(desk: Desk) -> None:
    desk.add()
    with desk.store.immediate():
        set_paused(desk.store, PHASE, paused=True)


def _all_paused(desk: Desk) -> None:
    desk.add()
    with desk.store.immediate():
        set_fact(desk.store, "paused", "1")


def _after(desk: Desk) -> None:
    desk.add("first", 3)
    desk.add(after='["first"]')


def _after_failed(desk: Desk) -> None:
    desk.add("first", 1)
    desk.add(after='["first"]')
    desk.settle("failed")


def _throttled(desk: Desk) -> None:
    desk.add()
    desk.store.throttle_run(desk.run, "load 9.1 is above 4")


def _no_run(desk: Desk) -> None:
    desk.add()
    desk.store.end_run(desk.run, "done")


def _killed_run(desk: Desk) -> None:
    desk.add()
    desk.building = False


def _stopping(desk: Desk) -> None:
    desk.add()
    desk.store.stop_run(desk.run)


def _deselected(desk: Desk) -> None:
    desk.add()
    desk.store.select(kinds=[])


def _earlier_phase(desk: Desk) -> None:
    desk.plan()


def _failed_phase(desk: Desk) -> None:
    desk.plan()
    desk.settle()
    desk.settle("failed")


def _next(desk: Desk) -> None:
    desk.add()


CASES: dict[str, tuple[Callable[[Desk], None], str, list[str], str]] = {
    "done": (_done, "facts/0", ["done"], "facts/0 is done"),
    "running": (_running, "facts/0", ["running"], "lease 1 of worker 7, which expires in 30 s"),
    "failed": (_failed, "facts/0", ["failed"], "it broke; put it back with `ledger retry"),
    "parked": (_parked, "facts/0", ["parked"], "ledger retry --uncertain"),
    "backoff": (_backoff, "facts/0", ["backoff"], "after 1 attempt it is tried again in 5.0 s"),
    "rest": (_rest, "facts/1", ["rest"], "asked facts to rest for 40 s more"),
    "rate": (_rate, "facts/0", ["rate"], "its next start in 1 min 00 s"),
    "concurrency": (_concurrency, "facts/1", ["concurrency"], "concurrency of 1"),
    "reserved": (_reserved, "facts/1", ["budget_reserved"], "reserved by 1 job in flight"),
    "exhausted": (_exhausted, "facts/1", ["budget_exhausted"], "allows no more jobs"),
    "queue paused": (_queue_paused, "facts/0", ["queue_paused"], "ledger resume --only facts"),
    "all paused": (_all_paused, "facts/0", ["all_paused"], "everything is paused"),
    "after": (_after, "facts/0", ["queue_before"], "comes after first (3 jobs left)"),
    "after a failed one": (
        _after_failed, "facts/0", ["queue_before_failed"], "first (1 job failed or deselected)",
    ),
    "throttled": (_throttled, "facts/0", ["throttled"], "load 9.1 is above 4"),
    "no run": (_no_run, "facts/0", ["no_run"], "no run is in progress: `ledger spawn`"),
    "killed run": (_killed_run, "facts/0", ["no_run"], "no run is in progress"),
    "stopping": (_stopping, "facts/0", ["run_ending"], "the run is ending"),
    "deselected": (_deselected, "facts/0", ["deselected"], "--only or --limit"),
    "earlier phase": (_earlier_phase, "list/a", ["earlier_phase"], "with 2 jobs of entry left"),
    "failed phase": (_failed_phase, "list/a", ["failed_phase"], "1 job of entry failed"),
    "next": (_next, "facts/0", [], "facts/0 is next: nothing prevents its claim"),
    "ahead": (_next, "facts/1", [], "1 job is claimed before it"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_each_reason_is_named(desk: Desk, case: str) -> None:
    """The reasons are exactly those that apply, and the sentence has what one needs to know."""
    arrange, name, reasons, text = CASES[case]
    arrange(desk)

    assert reasons == desk.reasons(name)
    assert text in desk.why(name)


@pytest.mark.parametrize("case", CASES)
def test_the_claim_agrees(desk: Desk, case: str) -> None:
    """A pending job is claimed if and only if no reason is named."""
    arrange, name, reasons, _ = CASES[case]
    arrange(desk)
    if not desk.building:
        return
    claims = [desk.store.claim(desk.run, desk.worker, 9, LEASE) for _ in range(9)]

    claimed = {job.name for claim in claims if claim for job in claim.jobs}

    assert (name in claimed) == (not reasons)


def test_two_reasons_are_both_named(desk: Desk) -> None:
    """What would still prevent a claim after the first obstacle is gone is not kept back."""
    _queue_paused(desk)
    desk.store.end_run(desk.run, "done")
    with desk.store.immediate():
        set_limits(desk.store, PHASE, {"concurrency": 1})

    assert ["no_run", "queue_paused"] == desk.reasons("facts/0")


def test_a_key_names_all_jobs_that_have_it(desk: Desk) -> None:
    """A key alone finds the jobs of every kind and queue."""
    desk.plan()
    desk.add()

    names = [each.name for each in explain(desk.store, "a", building=True)]

    assert ["entry/a", "list/a"] == names
    assert desk.why("0").startswith("facts/0 ")


def test_an_unknown_name_suggests_similar_ones(desk: Desk) -> None:
    """A slip in the name is answered with the names that are close."""
    desk.plan()

    with pytest.raises(LedgerError) as caught:
        desk.why("entri/b")

    assert "entry/b" in caught.value.remedy


def test_the_command_prints_sentences_and_json(desk: Desk, tmp_path: Path) -> None:
    """`ledger why` finds the project, prints a line per job, and JSON for scripts."""
    _queue_paused(desk)
    (tmp_path / "ledger.toml").write_text('[site]\nkind = "bulk"\n', "utf-8")

    text = CliRunner().invoke(main, ["why", "facts/1", "-C", str(tmp_path)])
    data = CliRunner().invoke(main, ["why", "facts/1", "-C", str(tmp_path), "--json"])
    unknown = CliRunner().invoke(main, ["why", "fact/1", "-C", str(tmp_path)])

    assert text.output == (
        "facts/1 waits: no run is in progress: `ledger spawn`; the queue facts is paused: "
        "`ledger resume --only facts`\n"
    )
    (job,) = json.loads(data.output)
    assert ["no_run", "queue_paused"] == [each["reason"] for each in job["reasons"]]
    assert (2, True) == (unknown.exit_code, "facts/1" in unknown.output)
