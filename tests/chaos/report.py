"""The report of a run: a table, and the same as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from chaos.rounds import total

if TYPE_CHECKING:
    from chaos.rounds import Tally

COLUMNS = ("storm", "rounds", "jobs", "kills", "faults", "extra runs", "lost", "done twice",
           "stale refused", "stale accepted", "differing bytes", "violations", "seconds")  # fmt: skip


def show(tallies: dict[str, Tally]) -> None:
    """Print the table, and under it what else was counted."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 200
    table = Table(*COLUMNS)
    for column in table.columns[1:]:
        column.justify = "right"
    for name, tally in tallies.items():
        table.add_row(name, *_cells(tally))
    whole = total(tallies.values())
    table.add_section()
    table.add_row("all", *_cells(whole))
    console.print(table)
    for name, tally in tallies.items():
        if tally.skipped:
            console.print(f"{name}: skipped: {tally.skipped}", soft_wrap=True)
    if whole.strikes:
        counts = ", ".join(f"{name} {count:,}" for name, count in sorted(whole.strikes.items()))
        console.print(f"killed at: {counts}", soft_wrap=True)
    notes = {"runs of `ledger spawn`": whole.spawns, "that gave up starting": whole.false_starts,
             "jobs charged for a death": whole.numbers.charged}  # fmt: skip
    counts = ", ".join(f"{what}: {count:,}" for what, count in {**notes, **whole.notes}.items())
    console.print(counts, soft_wrap=True)


def _cells(tally: Tally) -> list[str]:
    if tally.skipped:
        return ["skipped"]
    numbers = tally.numbers
    counts = (
        tally.rounds, numbers.jobs, tally.kills, tally.faults, numbers.extra_runs, numbers.lost,
        numbers.doubles, numbers.stale_refused, numbers.stale_accepted, tally.differing_bytes,
        len(tally.violations),
    )  # fmt: skip
    return [*(f"{count:,}" for count in counts), f"{tally.seconds:,.0f}"]
