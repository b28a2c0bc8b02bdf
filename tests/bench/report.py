"""The report of a row: its figures, its checks, and their formatting."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.setting import Bench

GB = 1e9


@dataclass(frozen=True, slots=True)
class Check:
    """A value and the limit that the target sets it, `at_most` or at least."""

    name: str
    value: float
    limit: float
    unit: str = "×"
    at_most: bool = True

    @property
    def met(self) -> bool:
        """Whether the target is met."""
        return self.value <= self.limit if self.at_most else self.value >= self.limit

    @property
    def missed_by(self) -> str:
        """By how much it is not."""
        if not self.limit:
            return f"{self.value:,.0f} {self.unit}".strip()
        return f"{abs(self.value / self.limit - 1):.0%}"

    def __str__(self) -> str:
        return f"{number(self.value)} {self.unit}".strip()


def number(value: float) -> str:
    """Format a number with its significant digits."""
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The results of a row. The first of the checks is the row's ratio."""

    figure: str
    yardstick: str
    checks: tuple[Check, ...]
    notes: tuple[str, ...] = ()
    figures: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table: how to measure it, and the disk that this takes."""

    number: int
    what: str
    yardstick: str
    target: str
    measure: Callable[[Bench], Outcome]
    disk: Callable[[Bench], float] = lambda _: 0.1 * GB
    quick: bool = True


@dataclass(slots=True)
class Line:
    """A row with what came of it."""

    row: Row
    outcome: Outcome | None
    verdict: str
    seconds: float = 0.0
    load: float = 0.0

    @property
    def brief(self) -> str:
        """Return the result in one line."""
        said = f"{self.outcome.figure} · " if self.outcome else ""
        return f"{said}{self.verdict} · {self.seconds:.0f} s"

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        row, outcome = self.row, self.outcome
        return {
            "row": row.number, "what": row.what, "yardstick": row.yardstick, "target": row.target,
            "verdict": self.verdict, "seconds": round(self.seconds, 1), "load_before": self.load,
            "outcome": asdict(outcome) if outcome else None,
        }  # fmt: skip


def judge(outcome: Outcome, *, judged: bool) -> str:
    """The verdict on a row."""
    if not judged:
        return "not judged"
    missed = [check for check in outcome.checks if not check.met]
    if not missed:
        return "met"
    if len(outcome.checks) == 1:
        return f"missed by {missed[0].missed_by}"
    return "missed: " + ", ".join(f"{check.name} by {check.missed_by}" for check in missed)


def show(lines: Sequence[Line]) -> None:
    """Print the table, and under it the notes."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 200
    table = Table("row", "what", "figure", "yardstick", "ratio", "target", "verdict")
    for line in lines:
        row, outcome = line.row, line.outcome
        cells = (outcome.figure, outcome.yardstick, _ratios(outcome)) if outcome else ("", "", "")
        table.add_row(str(row.number), row.what, *cells, row.target, line.verdict)
    console.print(table)
    for line in lines:
        for note in line.outcome.notes if line.outcome else ():
            console.print(f"{line.row.number:>2}  {note}", soft_wrap=True)


def _ratios(outcome: Outcome) -> str:
    if len(outcome.checks) == 1:
        return str(outcome.checks[0])
    return "\n".join(f"{check.name}: {check}" for check in outcome.checks)
