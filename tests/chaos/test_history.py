"""The history checker finds every sort of lie that is planted in a true history."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest

from chaos.history import Change, History, JobRow, check

if TYPE_CHECKING:
    from collections.abc import Callable

PURE, EFFECT = 1, 2
FIRST, SECOND, THIRD, FOURTH = 11, 12, 13, 14  # tokens
KILLED, CAREFUL = 7, 8  # workers


def told(event: str, worker: int, token: int, *jobs: int) -> dict[str, Any]:
    """A line of an account."""
    line: dict[str, Any] = {"event": event, "worker": worker, "token": token}
    if event == "started":
        return {**line, "job": jobs[0]}
    return {**line, "jobs": list(jobs), **({"states": ["done"]} if event == "asked" else {})}


def taken(job: int, token: int, attempts: int = 0) -> Change:
    """Pending -> running."""
    return Change(job, None, "pending", "running", None, token, attempts, attempts)


def done(job: int, token: int, attempts: int = 0) -> Change:
    """Running -> done."""
    return Change(job, None, "running", "done", token, None, attempts, attempts + 1)


def back(job: int, token: int, attempts: int = 0, *, charged: bool = False) -> Change:
    """Running -> pending."""
    return Change(job, None, "running", "pending", token, None, attempts, attempts + charged)


def true_history() -> History:
    """Worker 7 is killed in the middle of the effect; worker 8 does both jobs in peace."""
    return History(
        jobs=[
            JobRow(PURE, "page/a", "done", None, 1, effects=False),
            JobRow(EFFECT, "effect/b", "done", None, 2, effects=True),
        ],
        changes=[
            taken(EFFECT, FIRST),
            back(EFFECT, FIRST, charged=True),
            taken(PURE, SECOND),
            done(PURE, SECOND),
            taken(EFFECT, THIRD, 1),
            done(EFFECT, THIRD, 1),
        ],
        holders={FIRST: KILLED, SECOND: CAREFUL, THIRD: CAREFUL},
        outcomes={KILLED: "killed by SIGKILL", CAREFUL: "finished"},
        accounts=[
            [told("claimed", KILLED, FIRST, EFFECT), told("started", KILLED, FIRST, EFFECT)],
            [
                told("claimed", CAREFUL, SECOND, PURE),
                told("started", CAREFUL, SECOND, PURE),
                told("asked", CAREFUL, SECOND, PURE),
                told("accepted", CAREFUL, SECOND, PURE),
                told("claimed", CAREFUL, THIRD, EFFECT),
                told("started", CAREFUL, THIRD, EFFECT),
                told("asked", CAREFUL, THIRD, EFFECT),
                told("accepted", CAREFUL, THIRD, EFFECT),
            ],
        ],
        effects={"effect/b": ["began 1", "took effect", "began 2", "took effect", "over"]},
    )


def rules(history: History) -> set[str]:
    """The rules that a history breaks."""
    return {violation.rule for violation in check(history)[1]}


def test_a_true_history_breaks_no_rule():
    """One worker killed, one repeated execution, one attempt charged: no rule is broken."""
    numbers, violations = check(true_history())

    assert violations == []
    assert (numbers.jobs, numbers.runs, numbers.extra_runs, numbers.charged) == (2, 3, 1, 1)


def test_a_job_put_back_may_be_done_again():
    """A job that was requeued, such as after a lost output, may be done again."""
    history = true_history()
    history.changes += [
        Change(PURE, None, "done", "pending", None, None, 1, 0),
        taken(PURE, FOURTH),
        done(PURE, FOURTH),
    ]
    history.holders[FOURTH] = CAREFUL
    history.accounts[1] += [
        told("started", CAREFUL, FOURTH, PURE),
        told("asked", CAREFUL, FOURTH, PURE),
        told("accepted", CAREFUL, FOURTH, PURE),
    ]

    assert rules(history) == set()


def test_a_job_planned_anew_begins_anew():
    """Also under the number of one that went, and whatever state it was in."""
    history = true_history()
    history.changes += [
        Change(PURE, "f", "", "pending", None, None, 0, 0),
        taken(PURE, FOURTH),
        Change(PURE, "g", "running", "pending", FOURTH, None, 0, 0),
    ]
    history.jobs[0] = JobRow(PURE, "page/a", "pending", None, 0, effects=False)

    assert rules(history) == {"lost"}


def test_a_refused_settlement_is_no_violation():
    """A late worker's refused settlement breaks no rule; its work is discarded."""
    history = true_history()
    history.accounts[0] += [
        told("asked", KILLED, FIRST, EFFECT),
        told("refused", KILLED, FIRST, EFFECT),
    ]
    numbers, violations = check(history)

    assert violations == []
    assert numbers.stale_refused == 1


# -- one lie each -----------------------------------------------------------------------------


def _lost(it: History) -> None:
    it.jobs[0] = JobRow(PURE, "page/a", "pending", None, 0, effects=False)
    del it.changes[2:4]


def _done_again(it: History) -> None:
    it.changes.append(Change(PURE, None, "done", "done", None, None, 1, 2))
    it.jobs[0] = it.jobs[0]._replace(attempts=2)


def _taken_while_running(it: History) -> None:
    it.changes.insert(3, Change(PURE, None, "running", "running", SECOND, THIRD, 0, 0))


def _changed_unseen(it: History) -> None:
    del it.changes[2]


def _ends_otherwise(it: History) -> None:
    it.jobs[0] = it.jobs[0]._replace(attempts=3)


def _claimed_twice(it: History) -> None:
    it.changes[2:3] = [taken(PURE, SECOND), back(PURE, SECOND), taken(PURE, SECOND)]


def _done_without_an_attempt(it: History) -> None:
    it.changes[3] = it.changes[3]._replace(attempts=0)
    it.jobs[0] = it.jobs[0]._replace(attempts=0)


def _put_back_with_attempts(it: History) -> None:
    it.changes += [
        Change(PURE, None, "done", "pending", None, None, 1, 1),
        taken(PURE, FOURTH, 1),
        done(PURE, FOURTH, 1),
    ]
    it.jobs[0] = it.jobs[0]._replace(attempts=2)


def _charged_for_a_drain(it: History) -> None:
    it.outcomes[KILLED] = "drained"


def _charged_unbegun(it: History) -> None:
    del it.accounts[0][1]


def _charged_twice(it: History) -> None:
    it.changes[0:2] = [
        taken(EFFECT, FIRST), back(EFFECT, FIRST, charged=True),
        taken(PURE, FIRST), back(PURE, FIRST, charged=True),
    ]  # fmt: skip
    it.changes[4:6] = [taken(PURE, SECOND, 1), done(PURE, SECOND, 1)]
    it.jobs[0] = it.jobs[0]._replace(attempts=2)
    it.accounts[0].append(told("started", KILLED, FIRST, PURE))


def _stale_accepted(it: History) -> None:
    it.accounts[0] += [
        told("asked", KILLED, FIRST, EFFECT),
        told("accepted", KILLED, FIRST, EFFECT),
    ]


def _stale_done(it: History) -> None:
    """Without a token check: what another holds becomes done at the word of one who lost it."""
    it.accounts[1][6:] = []
    it.accounts[0] += [
        told("asked", KILLED, FIRST, EFFECT),
        told("accepted", KILLED, FIRST, EFFECT),
    ]


def _anothers_token(it: History) -> None:
    it.holders[SECOND] = KILLED


def _refused_and_written(it: History) -> None:
    it.accounts[1][3] = told("refused", CAREFUL, SECOND, PURE)


def _done_unasked(it: History) -> None:
    del it.accounts[1][2:4]


def _run_twice(it: History) -> None:
    it.accounts[1].insert(2, told("started", CAREFUL, SECOND, PURE))


def _two_at_once(it: History) -> None:
    it.effects["effect/b"].insert(1, "two at once")


def _no_effect(it: History) -> None:
    it.effects["effect/b"] = ["began 1", "began 2", "over"]


def _effects_in_vain(it: History) -> None:
    """A worker that was not killed leaves an effect unsettled."""
    it.accounts[1].insert(4, told("started", CAREFUL, FOURTH, EFFECT))
    it.holders[FOURTH] = CAREFUL


def _batch_of_effects(it: History) -> None:
    """A worker that was killed leaves two effects unsettled: it had not settled the first."""
    it.jobs.append(JobRow(3, "effect/c", "done", None, 1, effects=True))
    it.changes += [taken(3, FIRST), back(3, FIRST), taken(3, FOURTH), done(3, FOURTH)]
    it.holders[FOURTH] = CAREFUL
    it.effects["effect/c"] = ["took effect", "took effect"]
    it.accounts[0].append(told("started", KILLED, FIRST, 3))
    it.accounts[1] += [
        told("started", CAREFUL, FOURTH, 3),
        told("asked", CAREFUL, FOURTH, 3),
        told("accepted", CAREFUL, FOURTH, 3),
    ]


def _fell(it: History) -> None:
    it.outcomes[KILLED] = "exit code 1"


@pytest.mark.parametrize(
    ("plant", "rule"),
    [
        (_lost, "lost"),
        (_done_again, "done twice"),
        (_taken_while_running, "forbidden step"),
        (_changed_unseen, "changed unseen"),
        (_ends_otherwise, "changed unseen"),
        (_claimed_twice, "claimed twice"),
        (_done_without_an_attempt, "attempts"),
        (_put_back_with_attempts, "attempts"),
        (_charged_for_a_drain, "charged in vain"),
        (_charged_unbegun, "charged in vain"),
        (_charged_twice, "charged twice"),
        (_stale_accepted, "stale accepted"),
        (_stale_done, "done unasked"),
        (_anothers_token, "stale accepted"),
        (_refused_and_written, "refused and written"),
        (_done_unasked, "done unasked"),
        (_run_twice, "run twice"),
        (_two_at_once, "two at once"),
        (_no_effect, "no effect"),
        (_effects_in_vain, "extra effects"),
        (_batch_of_effects, "extra effects"),
        (_fell, "worker fell"),
    ],
)
def test_a_planted_violation_is_found(plant: Callable[[History], None], rule: str):
    """Each lie breaks the rule that is there for it."""
    history = deepcopy(true_history())
    plant(history)

    assert rule in rules(history)
