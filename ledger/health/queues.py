"""Checks of queues: prices, budgets, keys, widths of vectors, effects in doubt."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

from ledger.errors import JobError, LedgerError
from ledger.health.finding import Finding, error, note, ok, warning
from ledger.queues.checks import read_key
from ledger.queues.kinds import recipe_of
from ledger.store import health
from ledger.store.queues import all_queues
from ledger.text import counted
from ledger.views.snapshot import QueueState
from ledger.views.spending import spending

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ledger.health.context import CheckContext
    from ledger.store.rows import QueueRow


def queues(context: CheckContext) -> Iterator[Finding]:
    """Queues have prices and keys, and no job of theirs has an effect in doubt."""
    rows = all_queues(context.ledger)
    for row in rows:
        yield from _recipe(row)
        yield from _widths(context, row)
    yield from _uncertain(context)
    yield from _permissions(context)
    yield ok(f"{counted(len(rows), 'queue')} checked")


def _recipe(row: QueueRow) -> Iterator[Finding]:
    try:
        recipe = recipe_of(row.kind, json.loads(row.recipe))
    except LedgerError as refusal:
        yield error(refusal.what, f"queue {row.name}", refusal.remedy)
        return
    yield from _money(row, recipe.priced_model())
    yield from _key(row, *recipe.key_source())


def _money(row: QueueRow, model: str) -> Iterator[Finding]:
    where = f"queue {row.name}"
    if model and row.price_in is None:
        has_ceiling = row.money_ceiling is not None
        report = warning if has_ceiling else note
        what = "its budget cannot be kept" if has_ceiling else "what it spends is not reported"
        yield report(
            f"no price for {model!r} is known: {what}", where,
            f"add it to ledger.toml: [prices] {json.dumps(model)} = {{ input = …, output = … }}",
        )  # fmt: skip
    if row.exhausted:
        yield note(
            f"its budget allows no more: {spending(QueueState.of(row))}", where,
            f"give it more: ledger spawn --only {row.name} --budget MONEY",
        )  # fmt: skip


def _key(row: QueueRow, variable: str, file: str) -> Iterator[Finding]:
    if not (variable or file):
        return
    try:
        read_key(variable, file)
    except JobError as refusal:
        yield warning(refusal.what, f"queue {row.name}", refusal.remedy)
    else:
        yield ok(f"the key of {row.name} is set")


def _widths(context: CheckContext, row: QueueRow) -> Iterator[Finding]:
    """All vectors that a queue has as results are of one width; others could not be compared."""
    if json.loads(row.recipe).get("endpoint") != "embeddings":
        return
    widths = dict(health.widths(context.ledger, row.phase))
    if len(widths) > 1:
        listed = ", ".join(f"{jobs:,} of {width}" for width, jobs in sorted(widths.items()))
        yield error(
            f"its vectors are of different widths: {listed}", f"queue {row.name}",
            f"find out which model answered; then ledger retry --all --only {row.name}",
        )  # fmt: skip
    elif widths:
        yield ok(f"the vectors of {row.name} are {next(iter(widths))} wide")


def _uncertain(context: CheckContext) -> Iterator[Finding]:
    """No job has an effect in doubt; those that are parked wait for a decision."""
    jobs = context.ledger.reports.uncertain_jobs()
    parked = [row for row in jobs if row.open]
    if parked:
        yield warning(
            f"{counted(len(parked), 'parked job')}: their effect is in doubt, and you decide",
            parked[0].key, "find out whether they had it; `ledger retry --uncertain` runs them again",
        )  # fmt: skip
    if len(jobs) > len(parked):
        yield note(
            f"the effect of {counted(len(jobs) - len(parked), 'job')} may have happened twice",
            jobs[0].key, "`ledger status` lists them",
        )  # fmt: skip


def _permissions(context: CheckContext) -> Iterator[Finding]:
    """Only the owner may write to the ledger, since workers run what it holds."""
    for path in (context.project.state, context.project.ledger_path):
        if path.exists() and path.stat().st_mode & stat.S_IWOTH:
            yield warning("any user may write to it", str(path), f"chmod o-w {path}")
