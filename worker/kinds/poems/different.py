"""different: the pages of the walk from every document to the most different ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.kinds.poems.ranking import plan_rankings, ranking_pages

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ledger.jobs import Job, Output, Planned
    from ledger.sites.poems.plan import PoemPlan
    from worker.context import Context

needs = ("rank-different", "entry")
sites = ("poems",)
effects = False


def plan(plan: PoemPlan) -> Iterator[Planned]:
    """Plan a job for every document."""
    return plan_rankings(plan, "different", "rank-different")


def run(job: Job, context: Context) -> Iterable[Output]:
    """Render the pages of one document's ranking."""
    from worker.kinds.vectors.rank_different import BLOCK

    return ranking_pages(job, context, "different", "rank-different", BLOCK)
