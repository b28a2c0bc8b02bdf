"""`ledger why`: a sentence for each job that says why it is not claimed now."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from ledger.project.lock import coordinator_lives
from ledger.store.store import Store
from ledger.store.why import explain
from ledger.text import counted, duration

if TYPE_CHECKING:
    from collections.abc import Callable

    from ledger.project.load import Project
    from ledger.store.why import Explanation, Why


def show_why(project: Project, job: str, *, as_json: bool) -> None:
    """Print why the jobs of that name are not claimed.

    Raises:
        LedgerError: there is no such job.
    """
    building = coordinator_lives(project)
    with Store(project.ledger_path, read_only=True) as store:
        explanations = explain(store, job, building=building)
    if as_json:
        click.echo(json.dumps([asdict(each) for each in explanations], ensure_ascii=False))
    else:
        click.echo("\n".join(map(sentence, explanations)))


def sentence(explanation: Explanation) -> str:
    """The job and its state, with all that prevents its claim."""
    name = explanation.name
    if explanation.reasons and explanation.state in ("done", "failed", "running"):
        return f"{name} {_text(explanation.reasons[0], name)}"
    if explanation.reasons:
        return f"{name} waits: {'; '.join(_text(why, name) for why in explanation.reasons)}"
    if explanation.ahead:
        return f"{name} waits for its turn: {_are(explanation.ahead, 'job')} claimed before it"
    return f"{name} is next: nothing prevents its claim"


def _text(why: Why, name: str) -> str:
    return _TEXTS[why.reason]({**why.facts, "name": name})


def _done(_: dict[str, Any]) -> str:
    return "is done"


def _running(facts: dict[str, Any]) -> str:
    worker = "a worker" if facts["worker"] is None else f"worker {facts['worker']}"
    if not facts["seconds"]:
        return f"is running under lease {facts['lease']} of {worker}, which has expired: the run takes it back"
    return (
        f"is running under lease {facts['lease']} of {worker}, "
        f"which expires in {duration(facts['seconds'])} unless it is renewed"
    )


def _failed(facts: dict[str, Any]) -> str:
    what = f": {facts['what']}" if facts["what"] else ""
    tried = counted(facts["attempts"], "attempt")
    return f"failed after {tried}{what}; put it back with `{_retry(facts)}`"


def _parked(_: dict[str, Any]) -> str:
    return (
        "is parked: it may have had its effect, and its queue does not repeat one in doubt; "
        "`ledger retry --uncertain` does it again, `ledger cancel --uncertain` removes it"
    )


def _retry(facts: dict[str, Any]) -> str:
    return f"ledger retry --failed --key {facts['name']}"


def _earlier_phase(facts: dict[str, Any]) -> str:
    jobs = counted(facts["jobs"], "job")
    return f"an earlier phase is open, with {jobs} of {_list(facts['kinds'])} left"


def _failed_phase(facts: dict[str, Any]) -> str:
    return (
        f"in an earlier phase {counted(facts['jobs'], 'job')} of {_list(facts['kinds'])} failed; "
        "`ledger status` says why, `ledger retry --failed` puts them back"
    )


def _queue_before(facts: dict[str, Any]) -> str:
    return f"the queue {facts['queue']} comes after {_left(facts, 'left')}"


def _queue_before_failed(facts: dict[str, Any]) -> str:
    return (
        f"the queue {facts['queue']} comes after {_left(facts, 'failed or deselected')}: "
        "`ledger retry --failed`, or include that queue in the run"
    )


def _left(facts: dict[str, Any], how: str) -> str:
    return _list(
        [f"{name} ({counted(jobs, 'job')} {how})" for name, jobs in facts["before"].items()]
    )


def _rate(facts: dict[str, Any]) -> str:
    return f"the rate of {facts['queue']} allows its next start in {_soon(facts)}"


def _rest(facts: dict[str, Any]) -> str:
    return f"the server asked {facts['queue']} to rest for {_soon(facts)} more"


def _concurrency(facts: dict[str, Any]) -> str:
    return (
        f"{_are(facts['in_flight'], 'job')} of {facts['queue']} in flight, "
        f"as many as its concurrency of {facts['concurrency']} allows"
    )


def _reserved(facts: dict[str, Any]) -> str:
    return (
        f"the budget of {facts['queue']} is reserved by {counted(facts['in_flight'], 'job')} in "
        "flight: it may fit once they have settled"
    )


def _backoff(facts: dict[str, Any]) -> str:
    tried = counted(facts["attempts"], "attempt")
    return f"after {tried} it is tried again in {_soon(facts)} (backoff)"


def _soon(facts: dict[str, Any]) -> str:
    seconds = float(facts["seconds"])
    return f"{seconds:.1f} s" if seconds < 10 else duration(seconds)


def _list(words: list[str]) -> str:
    return " and ".join(words)


def _are(number: int, noun: str) -> str:
    return f"{counted(number, noun)} {'is' if number == 1 else 'are'}"


_TEXTS: dict[str, Callable[[dict[str, Any]], str]] = {
    "done": _done,
    "running": _running,
    "failed": _failed,
    "parked": _parked,
    "deselected": lambda _: "the last run left it out by --only or --limit",
    "no_run": lambda _: "no run is in progress: `ledger spawn`",
    "run_ending": lambda _: "the run is ending: `ledger spawn` continues from there",
    "throttled": lambda facts: f"the run is throttled: {facts['why']}",
    "all_paused": lambda _: "everything is paused: `ledger resume`",
    "earlier_phase": _earlier_phase,
    "failed_phase": _failed_phase,
    "budget_exhausted": lambda facts: (
        f"the budget of {facts['queue']} allows no more jobs: "
        f"`ledger spawn --only {facts['queue']}` with a larger budget"
    ),
    "queue_before_failed": _queue_before_failed,
    "queue_paused": lambda facts: (
        f"the queue {facts['queue']} is paused: `ledger resume --only {facts['queue']}`"
    ),
    "queue_before": _queue_before,
    "rest": _rest,
    "rate": _rate,
    "concurrency": _concurrency,
    "budget_reserved": _reserved,
    "backoff": _backoff,
}
