"""rank-similar: all other documents by descending cosine, one job per block of documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.artefacts import array_bytes, block_output
from worker.kinds.poems.ranking import plan_blocks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ledger.jobs import Job, Output, Planned
    from ledger.planning.plan import Plan
    from worker.context import Context

needs = ("space",)
sites = ("poems", "blog")
effects = False
VERSION = 1
BLOCK = 256


def plan(plan: Plan) -> Iterator[Planned]:
    """Plan a job for every block of documents."""
    return plan_blocks(plan, "rank-similar", "space", VERSION, BLOCK) if plan.embeds else iter(())


def run(job: Job, context: Context) -> Iterable[Output]:
    """Rank one block."""
    from ledger.vectors.rank import similar

    def body() -> list[bytes]:
        vectors = context.artefacts.array("space", "vectors.npy")
        first, last = job.payload["first"], job.payload["last"]
        return [array_bytes(similar(vectors, first, last, job.payload["depth"]))]

    yield block_output("rank-similar", job, body)
