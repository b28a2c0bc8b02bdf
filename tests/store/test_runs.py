"""What a run is about, when it stops, what is put back, and what the reports say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ledger.errors import Reason
from ledger.store.reports import KindCount

if TYPE_CHECKING:
    from conftest import Ledger


def mixed(ledger: Ledger) -> None:
    """Three kinds; the pages are about documents 0, 1 and 2."""
    pages = [ledger.job(n, position=n) for n in range(3)]
    ledger.plan([ledger.job("v", kind="embed"), *pages, ledger.job("w", kind="word")])


class TestSelect:
    """Choosing what a run is about."""

    @pytest.mark.parametrize(
        ("choice", "expected"),
        [
            ({}, ["v", "0", "1", "2", "w"]),
            ({"kinds": ["page"]}, ["0", "1", "2"]),
            ({"kinds": ["word", "embed"]}, ["v", "w"]),
            ({"kinds": []}, []),
            ({"documents": 2}, ["v", "0", "1", "w"]),
            ({"documents": 0}, ["v", "w"]),
            ({"kinds": ["page"], "documents": 1}, ["0"]),
        ],
    )
    def test_what_is_not_chosen_is_not_claimed(
        self, ledger: Ledger, choice: dict[str, object], expected: list[str]
    ) -> None:
        """Kinds and documents narrow a run; an empty choice is nothing, not everything."""
        mixed(ledger)

        ledger.store.select(**choice)

        assert expected == ledger.keys()

    def test_another_choice_replaces_the_first(self, ledger: Ledger) -> None:
        """What one run left out the next one may do."""
        mixed(ledger)
        ledger.store.select(kinds=[])

        ledger.store.select()

        assert {"pending"} == {*ledger.states.values()}

    def test_settled_and_running_jobs_stay(self, ledger: Ledger) -> None:
        """Choosing touches only what is pending."""
        ledger.plan(3)
        ledger.settle(ledger.claim())
        ledger.settle(ledger.claim(), "failed")
        ledger.claim()
        before = ledger.states

        ledger.store.select(kinds=["other"])
        ledger.store.select()

        assert before == ledger.states

    def test_a_later_phase_does_not_wait_for_what_is_left_out(self, ledger: Ledger) -> None:
        """A held job is no part of the run, so it holds up nothing."""
        ledger.plan([ledger.job("a", kind="word"), ledger.job("b", phase=1)])

        ledger.store.select(kinds=["page"])

        assert ["b"] == ledger.keys()


class TestFailFast:
    """The first failure ends a run that was not told to keep going."""

    @pytest.mark.parametrize(("keep_going", "stopping"), [(False, 1), (True, 0)])
    @pytest.mark.parametrize("how", ["settled", "reaped"])
    def test_a_failure_stops_the_run(
        self, ledger: Ledger, keep_going: bool, stopping: int, how: str
    ) -> None:
        """A job that fails, or kills its worker once too often, stops new claims."""
        ledger.plan(2, max_attempts=1)
        ledger.start_run(keep_going=keep_going)
        worker = ledger.worker()
        claim = ledger.claim(worker)
        if how == "settled":
            ledger.settle(claim, "failed")
        else:
            ledger.store.reap_worker(ledger.run, worker, 1, Reason("died"))

        run = ledger.store.runs.latest()

        assert run is not None
        assert (stopping, stopping == 1) == (run.stopping, ledger.take() is None)

    def test_it_stops_in_the_same_transaction(self, ledger: Ledger) -> None:
        """The claim that is fused with the settling of a failure gets nothing already."""
        ledger.plan(2)
        ledger.start_run(keep_going=False)

        assert ledger.settle(ledger.claim(), "failed", then=1) is None

    def test_another_try_does_not_stop_it(self, ledger: Ledger) -> None:
        """A job that goes back for another try has not failed."""
        ledger.plan(2)
        ledger.start_run(keep_going=False)
        ledger.settle(ledger.claim(), "pending", reason=Reason("server busy"))

        assert ledger.take() is not None

    def test_the_next_run_begins_afresh(self, ledger: Ledger) -> None:
        """A run that stopped does not stop the next one."""
        ledger.plan(2)
        ledger.start_run(keep_going=False)
        ledger.settle(ledger.claim(), "failed")
        ledger.start_run(keep_going=False)

        assert ["1"] == ledger.keys()


class TestRetry:
    """Putting jobs back."""

    @pytest.fixture(autouse=True)
    def _settled(self, ledger: Ledger) -> None:
        mixed(ledger)
        ledger.settle(ledger.claim(limit=2), "failed")
        ledger.settle(ledger.claim(limit=2))

    @pytest.mark.parametrize(
        ("choice", "expected"),
        [
            ({"failed_only": True}, ["v", "0"]),
            ({"failed_only": True, "kind": "page"}, ["0"]),
            ({"failed_only": True, "key": "v"}, ["v"]),
            ({"failed_only": True, "key": "embed/v"}, ["v"]),
            ({"failed_only": True, "kind": "page", "key": "page/0"}, ["0"]),
            ({"failed_only": True, "kind": "word", "key": "0"}, []),
            ({"failed_only": True, "kind": "page", "key": "1"}, []),
            ({"failed_only": True, "key": ""}, []),
            ({"failed_only": False, "kind": "page"}, ["0", "1", "2"]),
            ({"failed_only": False, "key": "page/2"}, ["2"]),
            ({"failed_only": False}, ["v", "0", "1", "2"]),
        ],
    )
    def test_exactly_what_was_named_is_put_back(
        self, ledger: Ledger, choice: dict[str, object], expected: list[str]
    ) -> None:
        """Failed jobs, or settled ones, by kind and by key with or without its kind."""
        count = ledger.store.retry(**choice)

        pending = [key for key, state in ledger.states.items() if state == "pending"]
        assert ([*expected, "w"], len(expected)) == (pending, count)

    def test_it_gives_all_attempts_back(self, ledger: Ledger) -> None:
        """A retried job begins at its first attempt, at once."""
        ledger.store.retry(failed_only=True)

        assert [("v", 0, 0.0), ("0", 0, 0.0)] == ledger.sql(
            "SELECT key, attempts, not_before FROM jobs WHERE id < 3"
        )

    def test_it_leaves_running_jobs_alone(self, ledger: Ledger) -> None:
        """Retrying during a run takes no job from its holder."""
        claim = ledger.claim()

        ledger.store.retry(failed_only=False)
        ledger.settle(claim)

        assert "done" == ledger.states["w"]

    def test_requeue_puts_back_done_jobs_only(self, ledger: Ledger) -> None:
        """Jobs whose files were lost run again; those that failed or wait do not change."""
        assert 1 == ledger.store.requeue([2, 3, 5, 99])
        assert ["failed", "failed", "pending", "done", "pending"] == [*ledger.states.values()]

    def test_a_job_can_be_done_again_after_requeue(self, ledger: Ledger) -> None:
        """A requeued job has its attempts back."""
        ledger.store.requeue([3])

        assert 0 == ledger.attempts["1"]


class TestReports:
    """What status can say."""

    def test_failures_show_the_last_one(self, ledger: Ledger) -> None:
        """Of several failed attempts the last is reported."""
        ledger.plan(1)
        for what in ("first", "second"):
            ledger.settle(ledger.claim(), "pending", reason=Reason(what))
        ledger.settle(ledger.claim(), "failed", reason=Reason("third"))

        assert ["third"] == [failure.what for failure in ledger.store.failures()]

    def test_a_cured_failure_is_not_shown(self, ledger: Ledger) -> None:
        """Only jobs that are failed now are reported."""
        ledger.plan(1)
        ledger.finish("failed")
        ledger.store.retry(failed_only=True)

        assert [] == ledger.store.failures()

    def test_failures_come_in_plan_order(self, ledger: Ledger) -> None:
        """The order is that of the plan, and no more come than asked for."""
        ledger.plan([ledger.job(key, priority=key) for key in range(4)])
        ledger.finish("failed")

        assert ["0", "1"] == [failure.key for failure in ledger.store.failures(limit=2)]

    @pytest.mark.parametrize("text", ["nul \0 here", "日本語 \u2028 🧵", "x" * 1_000_000, "' OR 1"])
    def test_a_failure_keeps_its_words(self, ledger: Ledger, text: str) -> None:
        """Whatever a job said when it failed is kept as it is."""
        ledger.plan(1)
        ledger.settle(ledger.claim(), "failed", reason=Reason(text, text, text))

        (failure,) = ledger.store.failures()

        assert (text, text, text) == (failure.what, failure.context, failure.remedy)

    def test_counts_tell_every_state(self, ledger: Ledger) -> None:
        """Pending and running are told apart, and what is held is not part of the total."""
        ledger.plan([ledger.job(n) for n in range(6)] + [ledger.job("w", kind="word", phase=1)])
        ledger.settle(ledger.claim(limit=2))
        ledger.settle(ledger.claim(), "failed")
        ledger.claim()
        ledger.store.select(kinds=["page"])

        page, word = ledger.store.counts()

        assert KindCount(0, "page", pending=2, running=1, done=2, failed=1) == page
        assert KindCount(1, "word", deselected=1) == word
        assert (6, 0) == (page.total, word.total)

    def test_counters_follow_every_change(self, ledger: Ledger, reason: Reason) -> None:
        """The counters say what counting says, whatever was done to the jobs."""
        mixed(ledger)
        worker = ledger.worker()
        steps = [
            lambda: ledger.settle(ledger.claim(limit=2), "failed"),
            lambda: ledger.claim(worker, limit=2),
            lambda: ledger.store.reap_worker(ledger.run, worker, 3, reason),
            lambda: ledger.store.select(kinds=["word"]),
            lambda: ledger.store.retry(failed_only=False),
            ledger.finish,
            lambda: ledger.store.requeue([1, 5]),
            lambda: ledger.plan([ledger.job("v", kind="embed", phase=2), ledger.job("new")]),
            lambda: ledger.plan(0),
        ]
        for step in steps:
            step()
            kept, real = ledger.counted()
            assert real == kept

    def test_every_write_is_in_an_immediate_transaction(
        self, ledger: Ledger, reason: Reason
    ) -> None:
        """No statement writes outside BEGIN IMMEDIATE, where it would race with the others."""
        mixed(ledger)
        worker, statements = ledger.worker(), []
        ledger.store.connection.set_trace_callback(statements.append)
        claim = ledger.claim(limit=3)
        ledger.store.renew(claim.token, 60.0)
        ledger.settle(claim, "failed", count=2)
        ledger.claim(worker)
        ledger.store.reap_worker(ledger.run, worker, 1, reason)
        ledger.claim(worker)
        ledger.clock.advance(100)
        ledger.store.reap_expired(ledger.run, ledger.store.expired(), lambda _: 1, reason)
        ledger.store.select(kinds=[])
        ledger.store.retry(failed_only=True)
        ledger.store.requeue([1])
        ledger.store.recover_after_reboot()
        ledger.store.end_worker(worker, "finished")
        ledger.store.stop_run(ledger.run)
        ledger.store.end_run(ledger.run, "done")
        ledger.start_run(keep_going=True)
        ledger.plan(2)
        ledger.store.connection.set_trace_callback(None)

        inside = False
        for statement in statements:
            verb = statement.split()[0]
            assert inside or verb not in ("INSERT", "UPDATE", "DELETE"), statement
            inside = verb != "COMMIT" and (inside or statement == "BEGIN IMMEDIATE")

    def test_a_run_remembers_where_it_began(self, ledger: Ledger) -> None:
        """A rate of this run leaves out what was settled before it."""
        ledger.plan(3)
        ledger.settle(ledger.claim(limit=2))
        ledger.start_run(keep_going=False)

        run = ledger.store.runs.latest()

        assert run is not None
        assert (2, None, 0) == (run.settled_before, run.ended_at, run.stopping)

    def test_there_may_be_no_run_yet(self, ledger: Ledger) -> None:
        """Before the first run there is none to report."""
        ledger.sql("DELETE FROM runs")

        assert ledger.store.runs.latest() is None

    def test_an_abandoned_run_is_closed(self, ledger: Ledger) -> None:
        """A run whose coordinator was killed is closed by the next one."""
        ledger.start_run(keep_going=True)

        assert [("abandoned",), (None,)] == ledger.sql("SELECT outcome FROM runs ORDER BY id")
