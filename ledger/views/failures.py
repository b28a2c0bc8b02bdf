"""Failed and parked jobs with their reasons, and jobs whose effect is uncertain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from ledger.text import counted, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ledger.errors import Failure
    from ledger.store.rows import UncertainRow
    from ledger.store.store import Store

MOST_FAILURES = 1000


@dataclass(frozen=True, slots=True)
class FailedJob:
    """The last failure of a job that failed, or that is parked."""

    failure: Failure
    parked: bool = False

    def as_dict(self) -> dict[str, Any]:
        """The same facts for `--json`."""
        return {**self.failure.as_dict(), "parked": self.parked}

    def __str__(self) -> str:
        """The report in four parts.

        A parked job is never tried again by itself, and its attempt is not counted where the
        whole run was killed: of attempts there is nothing to say.
        """
        first, _, rest = str(self.failure).partition("\n")
        if self.parked:
            job = f"{self.failure.kind}/{self.failure.key}"
            first = f"{job} PARKED (worker {self.failure.worker}; its effect is uncertain)"
        return f"{first}\n{rest}"


def read_uncertain(store: Store) -> tuple[UncertainRow, ...]:
    """All jobs whose effect is uncertain."""
    return tuple(store.reports.uncertain_jobs())


def read_failures(store: Store) -> tuple[FailedJob, ...]:
    """The last failure of every failed job, in plan order."""
    failures = store.failures(MOST_FAILURES)
    if not failures:
        return ()
    parked = {job.key for job in read_uncertain(store) if job.open}
    return tuple(FailedJob(each, f"{each.kind}/{each.key}" in parked) for each in failures)


def failure_lines(failures: Sequence[FailedJob], shown: int) -> list[str]:
    """The reports of the first failures, each after an empty line, and how many more there are."""
    lines = [f"\n{click.style(str(each), fg='red')}" for each in failures[:shown]]
    more = len(failures) - shown
    return lines if more <= 0 else [*lines, f"\n… and {more:,} more: ledger status --json"]


def uncertain_lines(jobs: Sequence[UncertainRow], shown: int) -> list[str]:
    """A line for each of the first uncertain jobs: what is known of it, and what to do."""
    lines = [f"uncertain: {_name(job)} {_state_of_effect(job)}" for job in jobs[:shown]]
    more = len(jobs) - shown
    return lines if more <= 0 else [*lines, f"… and {more:,} more: ledger status --json"]


def _name(job: UncertainRow) -> str:
    """`queue/key`, on one line."""
    return printable(f"{job.queue}/{job.key.partition('/')[2]}")


def _state_of_effect(job: UncertainRow) -> str:
    if job.open:
        return "may have had its effect: ledger retry --uncertain, or ledger cancel --uncertain"
    return f"is {job.state}, and may have had its effect {counted(job.uncertain, 'time')} more"
