"""chronological: all documents in pages, oldest first; undated ones in a section of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.fingerprint import fingerprint
from ledger.jobs import Planned
from worker.kinds.poems.urls import chronological_page, link, page_count

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    from ledger.jobs import Job, Output
    from ledger.sites.poems.plan import PoemPlan
    from worker.context import Context

needs = ("entry",)
sites = ("poems",)
effects = False
VERSION = 1


def sections(facts: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    """Return the non-empty sections: (first, last) rank by date of each, `last` excluded."""
    dated, total = facts["dated"], facts["documents"]
    both = {"dated": (0, dated), "undated": (dated, total)}
    return {name: bounds for name, bounds in both.items() if bounds[0] < bounds[1]}


def plan(plan: PoemPlan) -> Iterator[Planned]:
    """Plan a job for every page."""
    inputs = fingerprint(
        VERSION, plan.artefacts["entry"], plan.templates.digest("chronological.html")
    )
    facts = {"dated": plan.dated, "documents": len(plan.documents)}
    for section, (first, last) in sections(facts).items():
        pages = page_count(last - first, plan.per_page)
        for page in range(1, pages + 1):
            path = f"{plan.settings.site.output}/{chronological_page(section, page)}"
            payload = {"section": section, "page": page, "pages": pages}
            yield Planned(f"{section}/{page:04}", inputs, (path,), payload)


def run(job: Job, context: Context) -> Iterable[Output]:
    """Render one page."""
    section, page, pages = job.payload["section"], job.payload["page"], job.payload["pages"]
    first, last = sections(context.facts)[section]
    start = first + (page - 1) * context.facts["per_page"]
    rows = context.documents.through_time(start, min(start + context.facts["per_page"], last))
    yield context.listing(
        chronological_page(section, page),
        "chronological.html",
        [row.position for row in rows],
        section=section,
        page=page,
        pages=pages,
        from_day=(rows[0].date or "")[:10],
        to_day=(rows[-1].date or "")[:10],
        previous=link(chronological_page(section, page - 1)) if page > 1 else None,
        next=link(chronological_page(section, page + 1)) if page < pages else None,
    )
