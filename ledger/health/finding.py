"""Findings of checks: how bad, what, where, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ledger.coordinator.outputs import Damage
    from ledger.errors import LedgerError


class Severity(StrEnum):
    """How bad a finding is; errors and warnings make the exit code 1."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check saw; `damage` is set when building a job again fixes it."""

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
    """A check that found nothing wrong, with its figure."""
    return Finding(Severity.OK, what)


def note(what: str, where: str = "", remedy: str = "") -> Finding:
    """A fact that requires no action."""
    return Finding(Severity.NOTE, what, where, remedy)


def warning(what: str, where: str = "", remedy: str = FIX) -> Finding:
    """Wrong or risky, and nothing that is published suffers from it yet."""
    return Finding(Severity.WARNING, what, where, remedy)


def error(what: str, where: str = "", remedy: str = FIX) -> Finding:
    """Broken."""
    return Finding(Severity.ERROR, what, where, remedy)


def damaged(damage: Damage) -> Finding:
    """A broken file that is fixed by building its job again."""
    return Finding(Severity.ERROR, f"{damage.path} {damage.what}", damage.path, FIX, damage)


def refused(problem: LedgerError) -> Finding:
    """A check could not do its work, for reasons that came with their remedy."""
    return error(problem.what, problem.context, problem.remedy)
