"""Planning again: what is the same stays, what changed runs again, what is gone leaves its files."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ledger.corpus.document import Document
from ledger.corpus.ordered import OrderedDocument, order_documents
from ledger.store.plan import Changes, Documents, PlannedBefore, preview, read_facts

if TYPE_CHECKING:
    from conftest import Ledger


def documents(*contents: str) -> list[OrderedDocument]:
    return order_documents(
        [Document("law", str(n), content) for n, content in enumerate(contents, 1)]
    )


class TestJobs:
    """What becomes of the jobs."""

    @pytest.fixture(autouse=True)
    def _planned(self, ledger: Ledger) -> None:
        """Jobs a (done), b (failed), c (one attempt used), d (untouched)."""
        ledger.plan([ledger.job(key) for key in "abcd"])
        ledger.settle(ledger.claim())
        ledger.settle(ledger.claim(), "failed")
        ledger.settle(ledger.claim(), "pending")

    def test_changes_are_counted(self, ledger: Ledger) -> None:
        """A plan says how many jobs it adds, changes, keeps and drops."""
        new = [ledger.job("a"), ledger.job("b", fingerprint="f2"), ledger.job("x"), ledger.job("y")]
        expected = Changes(added=2, changed=1, unchanged=1, removed=2)

        assert expected == preview(ledger.store, new)
        assert expected == ledger.plan(new)
        assert ["a", "b", "x", "y"] == [*ledger.states]

    def test_the_same_plan_changes_nothing(self, ledger: Ledger) -> None:
        """Jobs keep their id, state, attempts and times."""
        before = ledger.everything()

        changes = ledger.plan([ledger.job(key) for key in "abcd"])

        assert (Changes(unchanged=4), False) == (changes, changes.any)
        assert before == ledger.everything()

    def test_the_order_of_a_plan_does_not_count(self, ledger: Ledger) -> None:
        """A job is known by kind and key, not by its place in the plan."""
        before = ledger.everything()

        ledger.plan([ledger.job(key) for key in "dcba"])

        assert before == ledger.everything()

    def test_changed_jobs_run_again(self, ledger: Ledger) -> None:
        """Done or failed, a job whose inputs changed is pending with all its attempts."""
        ledger.plan([ledger.job(key, fingerprint="f2") for key in "abcd"])

        assert {"pending"} == {*ledger.states.values()}
        assert {0} == {*ledger.attempts.values()}
        assert ["a", "b", "c", "d"] == ledger.keys()

    def test_a_changed_job_is_as_it_is_planned_now(self, ledger: Ledger) -> None:
        """Payload, priority, position, phase and attempts are the new ones."""
        new = ledger.job(
            "a", phase=2, fingerprint="f2", payload={"n": 1}, priority=7, position=3
        )  # fmt: skip

        ledger.plan([new], max_attempts=9)

        assert [(2, "f2", '{"n":1}', 7, 3, 9)] == ledger.sql(
            "SELECT phase, fingerprint, payload, priority, position, max_attempts FROM jobs"
        )

    def test_a_changed_phase_is_taken_over(self, ledger: Ledger) -> None:
        """A job that only moved to another phase stays done."""
        ledger.plan([ledger.job("a", phase=4)])

        assert [("done", 4)] == ledger.sql("SELECT state, phase FROM jobs")

    def test_a_change_of_order_alone_is_taken_over(self, ledger: Ledger) -> None:
        """What options a job, but is not in its fingerprint, is the newest plan's."""
        ledger.plan([ledger.job(key, priority=ord(key), position=ord(key)) for key in "abcd"])

        assert {key: ord(key) for key in "abcd"} == ledger.column("position")
        assert ["d", "c"] == ledger.keys()

    def test_a_held_job_that_changed_is_pending(self, ledger: Ledger) -> None:
        """What a narrow run left out is planned like everything else."""
        ledger.store.select(kinds=[])

        ledger.plan([ledger.job("d", fingerprint="f2")])

        assert {"d": "pending"} == ledger.states

    def test_a_running_job_can_change(self, ledger: Ledger) -> None:
        """A job in the hands of a worker that outlived its run is taken from it by a new plan."""
        claim = ledger.claim()

        ledger.plan([ledger.job("c", fingerprint="f2")])

        assert ("c", "pending") == (claim.jobs[0].key, ledger.states["c"])

    def test_a_running_job_can_go(self, ledger: Ledger) -> None:
        """So can one that is not planned any more."""
        ledger.claim(limit=2)

        ledger.plan([ledger.job("a")])

        assert {"a": "done"} == ledger.states

    def test_the_failures_of_a_gone_job_go(self, ledger: Ledger) -> None:
        """No failure is reported of a job that is not there."""
        ledger.plan([ledger.job("a")])

        assert ([], []) == (ledger.store.failures(), ledger.sql("SELECT * FROM failures"))

    def test_a_kind_can_see_what_is_there(self, ledger: Ledger) -> None:
        """Planning can build on the payload and state of the jobs before."""
        ledger.plan([ledger.job("a"), ledger.job("n", payload={"texts": [["ü", 1]]})])

        assert {"a": ({}, "done"), "n": ({"texts": [["ü", 1]]}, "pending")} == PlannedBefore(
            ledger.store
        ).jobs("page")
        assert {} == PlannedBefore(ledger.store).jobs("other")

    def test_a_plan_that_breaks_changes_nothing(self, ledger: Ledger) -> None:
        """A plan is taken over whole or not at all."""
        before = ledger.everything()

        with pytest.raises(ledger.IntegrityError):
            ledger.plan([ledger.job("new"), ledger.job("twice"), ledger.job("twice")])

        assert before == ledger.everything()


class TestOutputs:
    """What becomes of the files."""

    def outputs(self, ledger: Ledger) -> dict[str, tuple[str, str | None]]:
        """(owner, digest) by path."""
        rows = ledger.sql("SELECT path, key, digest FROM outputs JOIN jobs ON jobs.id = job")
        return {path: (key, digest) for path, key, digest in rows}

    def stale_outputs(self, ledger: Ledger) -> list[str]:
        """The files to delete."""
        return [path for (path,) in ledger.sql("SELECT path FROM stale_outputs ORDER BY path")]

    @pytest.fixture(autouse=True)
    def _planned(self, ledger: Ledger) -> None:
        """Job a is done and has made site/a; job b owns site/b."""
        ledger.plan(
            [ledger.job("a", outputs=("site/a",)), ledger.job("b", outputs=("site/b", "site/c"))]
        )
        ledger.publish("a", "site/a")

    def test_unchanged_ones_keep_their_digest(self, ledger: Ledger) -> None:
        """What was published stays known; a changed job may find its file unchanged."""
        ledger.plan([ledger.job("a", outputs=("site/a",), fingerprint="f2")])

        assert {"site/a": ("a", "digest")} == self.outputs(ledger)

    def test_one_that_moves_to_another_job_is_unknown(self, ledger: Ledger) -> None:
        """Nothing is known of a file that another job made."""
        ledger.plan([ledger.job("a"), ledger.job("b", outputs=("site/a",))])

        assert {"site/a": ("b", None)} == self.outputs(ledger)

    def test_removed_ones_are_left_over(self, ledger: Ledger) -> None:
        """The files of gone jobs, and those a job does not make any more, are to be deleted."""
        changes = ledger.plan([ledger.job("b", outputs=("site/c",))])

        assert 2 == changes.outputs_removed
        assert ["site/a", "site/b"] == self.stale_outputs(ledger)

    def test_one_that_comes_back_is_not_left_over(self, ledger: Ledger) -> None:
        """A path that is planned again, before it was deleted, is not deleted."""
        ledger.plan(0)
        ledger.plan([ledger.job("x", outputs=("site/a",))])

        assert ["site/b", "site/c"] == self.stale_outputs(ledger)
        assert {"site/a": ("x", None)} == self.outputs(ledger)

    def test_losing_a_file_alone_is_a_change(self, ledger: Ledger) -> None:
        """A plan with fewer files says so, though no job changed."""
        new = [ledger.job("a"), ledger.job("b", outputs=("site/b", "site/c"))]

        assert (preview(ledger.store, new), True) == (ledger.plan(new), True)
        assert ["site/a"] == self.stale_outputs(ledger)

    def test_finished_ones_are_those_of_done_jobs(self, ledger: Ledger) -> None:
        """Only files that ought to be there are looked for."""
        assert [("site/a", 5, 1)] == ledger.store.reports.finished_outputs()

    def test_a_done_job_with_a_new_path_runs_again(self, ledger: Ledger) -> None:
        """A job whose output moved has not made it there, though its fingerprint is the same."""
        ledger.plan([ledger.job("a", outputs=("www/a",))])

        assert {"a": "pending"} == ledger.states


class TestDocuments:
    """The corpus in the ledger."""

    def test_it_is_kept(self, ledger: Ledger) -> None:
        """Every document comes back as it was planned."""
        planned = documents("one", "two 詩 \0", "")
        ledger.plan(0, documents=planned)

        kept = Documents(ledger.store)

        assert planned == kept.between(0, 3)
        assert planned[1] == kept.get("law/2")
        assert [(item.identity, item.text_digest) for item in planned] == kept.identities()

    def test_there_is_none_beyond_its_ends(self, ledger: Ledger) -> None:
        """The first has none before it, the last none after."""
        ledger.plan(0, documents=documents("one", "two"))
        kept = Documents(ledger.store)

        assert kept.get("law/9") is None
        assert ([1], [0]) == ([*kept.neighbours(0)], [*kept.neighbours(1)])

    def test_what_says_the_same_is_moved_and_not_read_again(self, ledger: Ledger) -> None:
        """Two change places, one changes, one goes, one comes; of the moved no content is given."""
        a, b, c, d = documents("one", "two", "three", "four")
        ledger.plan(0, documents=[a, b, c, d], corpus="old")
        slugs = {"position": a.position, "chronology": a.chronology, "slug": a.slug}
        moved = [
            replace(a, position=b.position, chronology=b.chronology, slug=b.slug, content=""),
            replace(b, **slugs, content=""),
        ]
        changed = replace(c, digest="new", content="tres", position=3, chronology=3)
        added = replace(d, identity="law/5", slug="law/5", position=2, chronology=2)

        ledger.plan(0, documents=[*moved, changed, added], corpus="new")

        rows = ledger.sql(
            "SELECT identity, position, slug, content FROM documents ORDER BY position"
        )
        assert rows == [
            ("law/2", 0, "law/1", "two"),
            ("law/1", 1, "law/2", "one"),
            ("law/5", 2, "law/5", "four"),
            ("law/3", 3, "law/3", "tres"),
        ]

    def test_another_corpus_replaces_it(self, ledger: Ledger) -> None:
        """After a change no document of the old corpus is left."""
        ledger.plan(0, documents=documents("one", "two", "three"), corpus="old")
        new = documents("three", "one")

        ledger.plan(0, documents=new, corpus="new")

        assert new == Documents(ledger.store).between(0, 9)

    def test_facts_are_kept(self, ledger: Ledger) -> None:
        """What the plan noted down can be read; before the first plan there is nothing."""
        assert {} == read_facts(ledger.store)
        ledger.plan(0, corpus="ç")

        assert {"corpus": "ç"} == read_facts(ledger.store)

    def test_categories_come_in_time_order(self, ledger: Ledger) -> None:
        """A page of a category is a slice of its documents, oldest first."""
        ledger.plan(0, documents=documents("one", "two", "three"))

        rows = Documents(ledger.store).of_category("law", 1, 5)

        assert ["law/2", "law/3"] == [row.identity for row in rows]
