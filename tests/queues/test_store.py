"""What claims keep: budgets, rates and rests, on a real ledger with a clock of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ledger.errors import BadInputError, Reason
from ledger.jobs import AttemptRecord, Settlement, Spent
from ledger.store.claims import StaleLeaseError
from ledger.store.migrations import migrate
from ledger.store.queues import Queue, QueueJob, add_jobs, all_queues, chosen_queues, set_paused
from ledger.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ledger.jobs import Claim
    from ledger.store.rows import QueueRow

LEASE = 30.0
PHASE = 1000


class Desk:
    """A ledger with a queue, a run and some workers."""

    def __init__(self, path: Path) -> None:
        self.time = 1_000.0
        self.store = Store(path, now=lambda: self.time)
        self.run = self.store.start_run(3, keep_going=True)
        self.workers = [self.store.start_worker(self.run, n, n) for n in range(1, 4)]

    def add(self, jobs: int, tokens: int = 100, **limits: Any) -> None:
        """Add jobs that may take so many tokens each."""
        queue = Queue("q", "llm", "worker.kinds.queue.llm", {}, limits)
        add_jobs(
            self.store, queue, [QueueJob(str(n), "f", {"n": n}, "", tokens) for n in range(jobs)]
        )

    def claim(self, worker: int = 0, limit: int = 10) -> Claim | None:
        """Claim for one of the workers."""
        return self.store.claim(self.run, self.workers[worker], limit, LEASE)

    def settle(
        self, claim: Claim, receipt: AttemptRecord, state: str = "done", worker: int = 0
    ) -> None:
        """Settle all of a claim alike."""
        settlements = [
            Settlement(job.id, state, 0.1, record=receipt, reason=Reason("why"))  # type: ignore[arg-type]
            for job in claim.jobs
        ]
        self.store.settle(self.run, self.workers[worker], claim.token, settlements)

    @property
    def queue(self) -> QueueRow:
        """Its row."""
        return chosen_queues(self.store, ["q"])[0]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A new one."""
    path = tmp_path / "ledger.db"
    migrate(path)
    made = Desk(path)
    yield made
    made.store.close()


def _took(tokens: int) -> AttemptRecord:
    return AttemptRecord(0.0, spent=Spent(tokens, 0, 1))


def test_what_others_reserved_counts(desk: Desk) -> None:
    """Two jobs of 100 under a ceiling of 150: the second waits until the first has settled for less."""
    desk.add(3, tokens_ceiling=150)
    first = desk.claim(0)
    assert first is not None and len(first.jobs) == 1
    assert desk.claim(1) is None
    assert not desk.queue.exhausted and not desk.store.outlook(desk.run).over
    desk.settle(first, _took(40))
    second = desk.claim(1)
    assert second is not None
    desk.settle(second, _took(40), worker=1)
    assert desk.claim(0) is None
    assert desk.queue.exhausted and desk.store.outlook(desk.run).over
    assert desk.queue.tokens_spent == 80


def test_a_dead_worker_has_spent_what_it_reserved(desk: Desk) -> None:
    """For the job it was at; what it only held is free again."""
    desk.add(3, tokens_ceiling=10_000)
    claim = desk.claim(0)
    assert claim is not None
    desk.store.reap_worker(desk.run, desk.workers[0], None, Reason("died"))
    assert desk.queue.tokens_spent == 0
    claim = desk.claim(1)
    assert claim is not None
    desk.store.reap_worker(desk.run, desk.workers[1], claim.jobs[0].id, Reason("died"))
    assert desk.queue.tokens_spent == 100
    assert [job.uncertain for job in desk.store.reports.uncertain_jobs()] == [1]


def test_where_nobody_knows_all_of_it_counts(desk: Desk) -> None:
    """An answer without figures costs what was reserved."""
    desk.add(1)
    claim = desk.claim()
    assert claim is not None
    desk.settle(claim, AttemptRecord(0.0, spent=None))
    assert desk.queue.tokens_spent == 100


def test_a_stale_settlement_spends_nothing(desk: Desk) -> None:
    """The budget is written under the token, as all that a holder writes."""
    desk.add(1)
    claim = desk.claim()
    assert claim is not None
    desk.store.reap_worker(desk.run, desk.workers[0], None, Reason("died"))
    with pytest.raises(StaleLeaseError):
        desk.settle(claim, _took(40))
    assert desk.queue.tokens_spent == 0
    assert desk.store.reports.uncertain_jobs() == []


def test_turns_are_taken_ahead_and_one_by_one(desk: Desk) -> None:
    """Each claim has a start of its own, a second ahead at most."""
    desk.add(20, interval=0.4)
    starts = []
    for worker in (0, 1, 2):
        claim = desk.claim(worker)
        assert claim is not None and len(claim.jobs) == 1
        starts.append(claim.start)
    assert starts == pytest.approx([1000.0, 1000.4, 1000.8])
    assert desk.claim(0) is None
    assert desk.store.outlook(desk.run).wait == pytest.approx(0.2)


def test_a_rest_holds_the_whole_queue_back(desk: Desk) -> None:
    """Also who has a turn already, when it looks just before it begins; pausing does the same."""
    desk.add(5, interval=0.1)
    first, second = desk.claim(0), desk.claim(1)
    assert first is not None and second is not None
    assert desk.store.may_begin(PHASE, second.start)
    desk.settle(first, AttemptRecord(0.0, spent=Spent(), rest=5.0), state="pending")
    desk.time += 0.1
    assert not desk.store.may_begin(PHASE, second.start)
    desk.time += 4.0
    late = desk.claim(2)
    assert late is not None and late.start >= 1005.0
    desk.time += 1.5
    assert desk.store.may_begin(PHASE, late.start) is False  # too late for its turn by now
    with desk.store.immediate():
        set_paused(desk.store, PHASE, paused=True)
    assert not desk.store.may_begin(PHASE, desk.time)


def test_a_restart_of_the_machine_leaves_what_was_held_uncertain(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which of them a worker was at nobody knows after a power cut."""
    desk.add(2, policy="park")
    desk.store.recover_after_reboot()
    claim = desk.claim()
    assert claim is not None
    monkeypatch.setattr("ledger.process.clock.boot_id", lambda: "another boot")
    desk.store.recover_after_reboot()
    jobs = desk.store.reports.uncertain_jobs()
    assert len(jobs) == len(claim.jobs) and all(job.open for job in jobs)
    assert desk.queue.tokens_spent == 100 * len(claim.jobs)


def test_a_changed_job_forgets_its_result(desk: Desk) -> None:
    """And is taken from whoever holds it."""
    desk.add(1)
    claim = desk.claim()
    assert claim is not None
    desk.settle(claim, AttemptRecord(0.0, result={"a": 1}))
    assert desk.store.result(claim.jobs[0].id) == {"a": 1}
    changed = QueueJob("0", "other", {"n": 0}, "", 100)
    assert add_jobs(desk.store, Queue("q", "llm", "m", {}), [changed]).changed == 1
    assert desk.store.result(claim.jobs[0].id) is None
    assert desk.queue.names_before == []


def test_who_has_lost_a_lease_begins_nothing(desk: Desk) -> None:
    """Just before an effect an old lease is renewed, or found to be gone."""
    desk.add(1)
    claim = desk.claim()
    assert claim is not None
    desk.store.keep(claim.token, LEASE)
    desk.store.reap_worker(desk.run, desk.workers[0], None, Reason("silent"))
    with pytest.raises(StaleLeaseError):
        desk.store.keep(claim.token, LEASE)


def test_after_a_restart_no_old_time_holds_a_queue_back(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock of leases begins anew with the machine: turns and rests of before mean nothing."""
    desk.add(3, interval=60.0)
    desk.store.recover_after_reboot()
    claim = desk.claim()
    assert claim is not None
    desk.settle(claim, AttemptRecord(0.0, rest=3_600.0), state="pending")
    desk.time = 5.0
    assert desk.claim() is None
    monkeypatch.setattr("ledger.process.clock.boot_id", lambda: "another boot")
    desk.store.recover_after_reboot()
    claim = desk.claim()
    assert claim is not None and claim.start == 5.0


def test_an_output_is_nobodys_to_take(desk: Desk) -> None:
    """Also one whose letters are not ASCII's, in whatever case; and nothing is changed by the try."""
    add_jobs(desk.store, Queue("a", "command", "m", {}), [QueueJob("1", "f", {}, "out/\u00c9.txt")])
    for path in ("out/\u00c9.txt", "out/\u00e9.TXT"):
        with pytest.raises(BadInputError, match="1 problem") as refusal:
            add_jobs(desk.store, Queue("b", "command", "m", {}), [QueueJob("1", "f", {}, path)])
        assert "command/a/1" in str(refusal.value) and "command/b/1" in str(refusal.value)
    assert [queue.name for queue in all_queues(desk.store)] == ["a"]
