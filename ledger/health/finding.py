"""Findings of checks: severity, description, place, remedy."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ledger.coordinator.outputs import Damage
    from ledger.errors import LedgerError


class Severity(StrEnum):
    """Severity of a finding; errors and warnings make the exit code 1."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"


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
