"""`ledger report`: one HTML file with the state, throughput, failures and spend of a project.

Every read is a short one, so that no worker waits for it; what is read first may therefore be a
moment older than what is read last.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ledger import __version__
from ledger.files import write_whole
from ledger.process import clock
from ledger.project.templates import Templates
from ledger.store.store import Store
from ledger.text import counted
from ledger.views import charts
from ledger.views.attach import read_snapshot
from ledger.views.causes import causes_of, key_in_queue
from ledger.views.charts import Part
from ledger.views.figures import durations, spend, throughput, timeline
from ledger.views.format import in_seconds, legible, moment

if TYPE_CHECKING:
    from markupsafe import Markup

    from ledger.project.load import Project
    from ledger.store.reports import KindCount
    from ledger.views.snapshot import Snapshot

TEMPLATE = "report.html"
TRIES = 2_000
FAILURES = 100_000
CAUSES = 50
UNCERTAIN = 50
"""Limits that keep the page small enough for a browser; the page names each one that cuts."""

STATES = ("done", "running", "pending", "deselected", "failed")


def write_report(project: Project, output: Path | None) -> str:
    """Write the report, whole or not at all; returns a sentence with its path.

    Raises:
        LedgerError: there is no ledger, or the path cannot be written.
    """
    path = project.state / "report.html" if output is None else output
    with Store(project.ledger_path, read_only=True) as store:
        facts = gather(store, read_snapshot(project, store))
    words = {"counted": counted, "moment": moment, "seconds": in_seconds, "legible": legible}
    name = legible(project.root.resolve().name)
    text = Templates(project).render(
        TEMPLATE, project=name, written=clock.wall(), version=__version__, states=STATES,
        limits={"tries": TRIES, "failures": FAILURES}, **words, **facts,
    )  # fmt: skip
    write_whole(path, text)
    here = Path.cwd()
    shown = path.resolve()
    return f"wrote {shown.relative_to(here) if shown.is_relative_to(here) else shown}"


def gather(store: Store, snapshot: Snapshot) -> dict[str, Any]:
    """The content of the report, by the names that its template uses."""
    begun = store.reports.runs_summary()
    causes = causes_of(store.reports.latest_failures(FAILURES))
    uncertain = store.reports.uncertain_jobs()
    return {
        "counts": [Standing(count, standing_bar(count)) for count in snapshot.counts],
        "totals": {state: snapshot.count(state) for state in STATES},
        "runs": begun.runs,
        "first": begun.first,
        "run": snapshot.run,
        "going_on": snapshot.going_on,
        "uncertain": uncertain[:UNCERTAIN],
        "more_uncertain": len(uncertain[UNCERTAIN:]),
        "throughput": throughput(store, snapshot.run),
        "durations": durations(store, snapshot.counts),
        "timeline": timeline(store.reports.latest_attempts(TRIES)),
        "causes": causes[:CAUSES],
        "more_causes": len(causes) - CAUSES,
        "cut_failures": sum(cause.attempts for cause in causes) == FAILURES,
        "key_in_queue": key_in_queue,
        "spend": [spend(store, queue) for queue in snapshot.queues],
    }


# -- jobs by state ----------------------------------------------------------------------------


class Standing(NamedTuple):
    """The jobs of a queue or kind by state, as numbers and as a bar."""

    of: KindCount
    bar: Markup


def standing_bar(count: KindCount) -> Markup:
    """Draw the share of each state."""
    amounts = [(getattr(count, state), state) for state in STATES]
    parts = [Part(amount, state, f"{amount:,} {state}") for amount, state in amounts]
    label = ", ".join(part.title for part in parts if part.amount)
    return charts.shares(parts, label or "no jobs")
