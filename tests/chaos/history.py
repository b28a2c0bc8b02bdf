"""The proof: the ledger's history of every job, compared with the processes' own accounts.

The ledger's side is the audit, one row for every change of a job, written by triggers within
the transaction that changed it. The processes' side are their accounts: claimed, started,
ended, asked to settle, accepted or refused. Every contradiction is a violation.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

Event = dict[str, Any]
LEFT_ALIVE = ("finished", "drained")
FELL = "exit code"


class Change(NamedTuple):
    """One change of a job, as the ledger committed it. `fingerprint` is given if it changed."""

    job: int
    fingerprint: str | None
    state_was: str
    state: str
    lease_was: int | None
    lease: int | None
    attempts_was: int
    attempts: int


class JobRow(NamedTuple):
    """A job as it is in the end."""

    id: int
    name: str
    state: str
    lease: int | None
    attempts: int
    effects: bool


class Violation(NamedTuple):
    """A promise that was broken."""

    rule: str
    what: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.what}"


@dataclass
class History:
    """All that is known of a round. `accounts` is None where the processes are not to be asked."""

    jobs: list[JobRow]
    changes: list[Change]
    holders: dict[int, int] = field(default_factory=dict)  # token -> worker
    outcomes: dict[int, str | None] = field(default_factory=dict)  # worker -> how it ended
    accounts: list[list[Event]] | None = field(default_factory=list)
    effects: dict[str, list[str]] = field(default_factory=dict)  # job -> what it left behind


@dataclass
class Numbers:
    """Counts of events."""

    jobs: int = 0
    runs: int = 0
    extra_runs: int = 0
    charged: int = 0
    lost: int = 0
    doubles: int = 0
    stale_refused: int = 0
    stale_accepted: int = 0

    def add(self, other: Numbers) -> None:
        """Put those of another round to these."""
        for name in self.__dataclass_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


def check(history: History) -> tuple[Numbers, list[Violation]]:
    """Every violation there is, and the numbers of the round."""
    found = [*_undone(history), *_forbidden_steps(history), *_charged_twice(history)]
    found += _fallen(history)
    if history.accounts is not None:
        found += [*_stale(history), *_unasked(history), *_charged_in_vain(history)]
        found += [*_run_twice(history), *_effects(history)]
    rules = Counter(violation.rule for violation in found)
    numbers = _numbers(history)
    numbers.lost, numbers.doubles = rules["lost"], rules["done twice"]
    numbers.stale_accepted = rules["stale accepted"]
    return numbers, found


# -- the ledger's audit -----------------------------------------------------------------------


def _undone(history: History) -> Iterator[Violation]:
    for job in history.jobs:
        if job.state != "done":
            yield Violation("lost", f"{job.name} is {job.state} in the end")


def _fallen(history: History) -> Iterator[Violation]:
    """Workers are killed here; none of them ends by an error of its own."""
    for worker, outcome in history.outcomes.items():
        if outcome and outcome.startswith(FELL):
            yield Violation("worker fell", f"worker {worker}: {outcome}")


def _forbidden_steps(history: History) -> Iterator[Violation]:
    """Every job's changes are one chain of allowed steps, from its plan to what it is now."""
    names = {job.id: job.name for job in history.jobs}
    chains = defaultdict(list)
    for change in history.changes:
        chains[change.job].append(change)
    for job in history.jobs:
        state, lease, attempts = "pending", None, 0
        tokens: set[int] = set()
        for change in chains[job.id]:
            if not change.state_was:  # planned again, perhaps under the id of a removed job
                state, lease, attempts = change.state, change.lease, change.attempts
                continue
            if (change.state_was, change.lease_was, change.attempts_was) != (
                state,
                lease,
                attempts,
            ):
                yield Violation("changed unseen", f"{names[job.id]} before {tuple(change)}")
            yield from _forbidden_step(change, names[job.id], tokens)
            state, lease, attempts = change.state, change.lease, change.attempts
        if (job.state, job.lease, job.attempts) != (state, lease, attempts):
            yield Violation(
                "changed unseen",
                f"{job.name} is {job.state} after {job.attempts} attempts, "
                f"and was left {state} after {attempts}",
            )


def _forbidden_step(change: Change, name: str, tokens: set[int]) -> Iterator[Violation]:
    """Yield the violations in one step; `tokens` are those under which the job was claimed."""
    step = (change.state_was, change.state)
    if step == ("done", "done"):
        yield Violation("done twice", f"{name} {tuple(change)}")
    elif step not in STEPS and not _is_replanned(change):
        yield Violation("forbidden step", f"{name} {tuple(change)}")
    elif step in STEPS and not (STEPS[step](change) or _is_replanned(change)):
        yield Violation("attempts", f"{name} {step}: {tuple(change)}")
    if change.lease in tokens and change.lease_was is None:
        yield Violation("claimed twice", f"{name} under token {change.lease}")
    if change.lease is not None:
        tokens.add(change.lease)


def _is_charged(change: Change) -> bool:
    return change.attempts == change.attempts_was + 1


def _is_free(change: Change) -> bool:
    return change.attempts == change.attempts_was


def _is_reset(change: Change) -> bool:
    return change.attempts == 0


def _is_replanned(change: Change) -> bool:
    """Whatever state it was in: its inputs are others now."""
    return change.fingerprint is not None and change.state == "pending" and change.attempts == 0


# What may become of a job, and what that does to its attempts.
STEPS: dict[tuple[str, str], Callable[[Change], bool]] = {
    ("pending", "running"): _is_free,
    ("running", "done"): _is_charged,
    ("running", "failed"): _is_charged,
    ("running", "pending"): lambda change: _is_free(change) or _is_charged(change),
    ("done", "pending"): _is_reset,
    ("failed", "pending"): _is_reset,
    ("pending", "deselected"): _is_free,
    ("deselected", "pending"): _is_free,
}


def _settled(history: History) -> Counter[tuple[int, int]]:
    """Count how often each job was done under each token."""
    return Counter(
        (change.job, change.lease_was or 0) for change in history.changes if change.state == "done"
    )


def _charged(history: History) -> list[Change]:
    """The changes by which a job lost an attempt without being done."""
    return [
        change
        for change in history.changes
        if change.state_was == "running" and change.state != "done" and _is_charged(change)
    ]


def _charged_twice(history: History) -> Iterator[Violation]:
    """Yield workers charged twice: a worker dies once, with at most one job in flight."""
    failed = {key for key, _ in _asked(history, states=("failed", "pending"))}
    guilty = Counter(
        history.holders.get(change.lease_was or 0, 0)
        for change in _charged(history)
        if (change.job, change.lease_was) not in failed
    )
    for worker, count in guilty.items():
        if count > 1:
            yield Violation("charged twice", f"{count} jobs for the death of worker {worker}")
        if history.outcomes.get(worker) in LEFT_ALIVE:
            yield Violation("charged in vain", f"worker {worker} {history.outcomes[worker]}")


# -- the processes' accounts ------------------------------------------------------------------


def _events(history: History, kind: str) -> Iterator[Event]:
    for account in history.accounts or ():
        yield from (event for event in account if event["event"] == kind)


def _asked(
    history: History, states: Sequence[str] = ("done", "failed", "pending")
) -> Iterator[tuple[tuple[int, int], int]]:
    """((job, token), worker) of everything that a worker asked to settle."""
    for event in _events(history, "asked"):
        if set(states) & set(event["states"]):
            yield from (((job, event["token"]), event["worker"]) for job in event["jobs"])


def _stale(history: History) -> Iterator[Violation]:
    """Check that accepted settlements are recorded under their token, and refused ones are not."""
    settled = _settled(history)
    undone = {key for key, _ in _asked(history, states=("failed", "pending"))}
    for event in _events(history, "accepted"):
        token, worker = event["token"], event["worker"]
        if history.holders.get(token) != worker:
            yield Violation("stale accepted", f"token {token} is not worker {worker}'s")
        for job in event["jobs"]:
            if not settled[job, token] and (job, token) not in undone:
                yield Violation("stale accepted", f"job {job} from worker {worker}, token {token}")
    for event in _events(history, "refused"):
        for job in event["jobs"]:
            if settled[job, event["token"]]:
                yield Violation("refused and written", f"job {job} under token {event['token']}")


def _unasked(history: History) -> Iterator[Violation]:
    """Check that every job was marked done by the holder of its token."""
    asked = {(key, worker) for key, worker in _asked(history)}
    for (job, token), count in _settled(history).items():
        if count > 1:
            yield Violation("done twice", f"job {job}, {count} times under token {token}")
        if ((job, token), history.holders.get(token)) not in asked:
            yield Violation("done unasked", f"job {job} under token {token}")


def _charged_in_vain(history: History) -> Iterator[Violation]:
    """A job is charged for a death only if it had been begun under that lease."""
    begun = {(event["job"], event["token"]) for event in _events(history, "started")}
    for change in _charged(history):
        if (change.job, change.lease_was) not in begun:
            yield Violation("charged in vain", f"job {change.job}, token {change.lease_was}")


def _run_twice(history: History) -> Iterator[Violation]:
    """Check that no process runs a job twice under one token."""
    runs = Counter((event["job"], event["token"]) for event in _events(history, "started"))
    for (job, token), count in runs.items():
        if count > 1:
            yield Violation("run twice", f"job {job} {count} times under token {token}")


# -- effects ----------------------------------------------------------------------------------


def _effects(history: History) -> Iterator[Violation]:
    """Check effects: never two at once, none missing, at most one repetition per dead worker."""
    settled = _settled(history)
    done = Counter(job for job, _ in settled.elements())
    with_effects = {job.id for job in history.jobs if job.effects}
    for job in history.jobs:
        lines = history.effects.get(job.name, [])
        if "two at once" in lines:
            yield Violation("two at once", job.name)
        if job.effects and lines.count("took effect") < done[job.id]:
            yield Violation("no effect", f"{job.name} is done without having taken effect")
    for account in history.accounts or ():
        begun = [
            event
            for event in account
            if event["event"] == "started" and event["job"] in with_effects
        ]
        in_vain = [event for event in begun if not settled[event["job"], event["token"]]]
        allowed = 0 if _left_in_peace(history, account) else 1
        if len(in_vain) > allowed:
            jobs = ", ".join(str(event["job"]) for event in in_vain)
            yield Violation(
                "extra effects",
                f"worker {in_vain[0]['worker']} left {len(in_vain)} unsettled: {jobs}",
            )


def _left_in_peace(history: History, account: Iterable[Event]) -> bool:
    """Whether a worker was neither killed nor robbed of a lease, nor had a job that failed."""
    for event in account:
        if event["event"] == "refused" or {"failed", "pending"} & set(event.get("states", ())):
            return False
        if "worker" in event and history.outcomes.get(event["worker"]) not in LEFT_ALIVE:
            return False
    return True


def _numbers(history: History) -> Numbers:
    runs = sum(1 for _ in _events(history, "started"))
    done = _settled(history).total()
    return Numbers(
        jobs=len(history.jobs),
        runs=runs,
        extra_runs=max(0, runs - done),
        charged=len(_charged(history)),
        stale_refused=sum(1 for _ in _events(history, "refused")),
    )
