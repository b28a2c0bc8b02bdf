"""Findings of checks: severity, description, place, remedy."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ledger.errors import LedgerError


class Severity(StrEnum):
    """Severity of a finding; errors and warnings make the exit code 1."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"


MISSING = "is missing"


@dataclass(frozen=True, slots=True)
class Damage:
    """A file that differs from what its done job made: the job, its kind, the path, the difference."""

    job: int
    kind: str
    path: str
    what: str

    @property
    def misleading(self) -> bool:
        """Whether there is a file that other jobs may have built from."""
        return self.what != MISSING


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding of a check; `damage` is set if building a job again fixes it."""

    severity: Severity
    what: str
    where: str = ""
    remedy: str = ""
    damage: Damage | None = None

    @property
    def bad(self) -> bool:
        """Whether it requires action."""
        return self.severity in (Severity.WARNING, Severity.ERROR)

    def as_dict(self) -> dict[str, str]:
        """For `--json`."""
        return {
            "severity": str(self.severity),
            "what": self.what,
            "where": self.where,
            "remedy": self.remedy,
        }


FIX = "ledger doctor --fix"
# All three files: a -wal that stays behind would be replayed into the new ledger.
MOVE_AWAY = (
    "stop the build if one runs, then: mkdir -p .ledger/broken && mv .ledger/ledger.db* "
    ".ledger/broken/ && ledger init && ledger spawn; everything is made again, texts are embedded "
    "again, and files whose bytes come out the same are not rewritten"
)


def ok(what: str) -> Finding:
    """Report that a check found nothing wrong, with its figure."""
    return Finding(Severity.OK, what)


def note(what: str, where: str = "", remedy: str = "") -> Finding:
    """Report a fact that requires no action."""
    return Finding(Severity.NOTE, what, where, remedy)


def warning(what: str, where: str = "", remedy: str = FIX) -> Finding:
    """Report a fault or a risk that has not damaged anything published yet."""
    return Finding(Severity.WARNING, what, where, remedy)


def error(what: str, where: str = "", remedy: str = FIX) -> Finding:
    """Report a fault."""
    return Finding(Severity.ERROR, what, where, remedy)


def damaged(damage: Damage) -> Finding:
    """Report a damaged file, which building its job again fixes."""
    return Finding(Severity.ERROR, f"{damage.path} {damage.what}", damage.path, FIX, damage)


def refused(problem: LedgerError) -> Finding:
    """Report that a check could not run, with the remedy that the refusal names."""
    return error(problem.what, problem.context, problem.remedy)
