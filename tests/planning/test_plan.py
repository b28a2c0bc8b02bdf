"""The plan: stable fingerprints, outputs that belong to one job, facts for the workers."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from ledger.errors import BadInputError
from ledger.jobs import Planned
from ledger.planning.make import _shared_keys, _shared_outputs, make_plan
from ledger.planning.plan import NothingKnown
from ledger.project.load import parse_project
from ledger.store.plan import PlannedJob


@dataclass
class Corpus:
    """A project with made-up poems."""

    root: object
    poems: list

    def plan(self, settings: str = ""):
        """Plan it afresh."""
        (self.root / "poems.json").write_text(json.dumps({"poems": self.poems}))
        return make_plan(parse_project(self.root, settings), NothingKnown())

    def fingerprints(self, settings: str = "") -> dict:
        """(kind, key) -> fingerprint."""
        return {job.name: job.planned.fingerprint for job in self.plan(settings).jobs}


@pytest.fixture
def corpus(tmp_path):
    """Six poems, of which one has no date."""
    poems = [
        {"id": n, "category": "c", "content": f"word{n} sea sea", "creation_date": f"2020-01-0{n}"}
        for n in range(1, 6)
    ]
    return Corpus(tmp_path, [*poems, {"id": 6, "category": "c", "content": "undated sea"}])


def changed(before: dict, after: dict) -> set[str]:
    """The kinds of which some job changed, came or went."""
    names = {name for name in before | after if before.get(name) != after.get(name)}
    return {kind for kind, _ in names}


def test_planning_twice_gives_the_same(corpus):
    """The same input, the same fingerprints."""
    assert corpus.fingerprints() == corpus.fingerprints()


def test_the_depth_leaves_embeddings_alone(corpus):
    """A setting changes the kinds that depend on it."""
    kinds = changed(corpus.fingerprints(), corpus.fingerprints("[pages]\ndepth = 2"))

    assert kinds == {"rank-similar", "rank-different", "similar", "different"}


def test_a_date_changes_no_vector(corpus):
    """What is not embedded does not embed again."""
    before = corpus.fingerprints()
    corpus.poems[0]["creation_date"] = "2021-05-05"

    kinds = changed(before, corpus.fingerprints())

    assert kinds & {"embed", "space", "gram", "rank-similar", "rank-different"} == set()
    assert {"entry", "chronological", "similar", "front"} <= kinds


def test_every_document_has_its_pages(corpus):
    """A job for each, in corpus order, whose outputs are below the site."""
    jobs = [job.planned for job in corpus.plan().jobs if job.kind == "similar"]

    assert [job.key for job in jobs] == [f"c/{n}" for n in range(1, 7)]
    assert jobs[0].outputs == ("site/similar/c/1.html",)


def test_undated_documents_have_a_section_of_their_own(corpus):
    """Five dated ones, one undated."""
    jobs = [job.planned.key for job in corpus.plan().jobs if job.kind == "chronological"]

    assert jobs == ["dated/0001", "undated/0001"]


def test_facts_survive_json(corpus):
    """What the workers are told is what was planned."""
    facts = corpus.plan().facts

    assert json.loads(json.dumps(facts))["documents"] == 6


def test_two_jobs_with_one_output_are_both_named():
    """Also when the paths differ in case only."""
    jobs = [
        PlannedJob("a", 0, Planned("1", "f", ("site/X.html",))),
        PlannedJob("b", 0, Planned("2", "f", ("site/x.html",))),
    ]

    (problem,) = _shared_outputs(jobs)

    assert "both a/1 and b/2" in problem.what


def test_a_key_planned_twice_is_refused():
    """It would be one job with two meanings."""
    jobs = [PlannedJob("a", 0, Planned("1", "f")), PlannedJob("a", 0, Planned("1", "g"))]

    assert [problem.where for problem in _shared_keys(jobs)] == ["a/1"]


def test_colliding_paths_are_refused_when_planning(corpus, monkeypatch):
    """No job of such a plan is written."""
    monkeypatch.setattr("ledger.corpus.ordered.slug", lambda _: "same")

    with pytest.raises(BadInputError, match="problems in the input"):
        corpus.plan()
