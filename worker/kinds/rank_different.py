"""rank-different: for every document the walk to the most different ones, a block a job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.artefacts import array_bytes, block_output
from worker.kinds.gram import gram_rows
from worker.ranking import plan_blocks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ledger.jobs import Job, Output, Planned
    from ledger.planner import Plan
    from worker.context import Context

needs = ("gram",)
sites = ("poems",)
effects = False
VERSION = 2
BLOCK = 64


def plan(plan: Plan) -> Iterator[Planned]:
    """A job for every block of documents."""
    return plan_blocks(plan, "rank-different", "gram", VERSION, BLOCK)


def run(job: Job, context: Context) -> Iterable[Output]:
    """Walk from every document of one block."""
    import numpy as np

    from ledger.vectors.rank import different

    def body() -> list[bytes]:
        row = gram_rows(context.artefacts)
        depth = job.payload["depth"]
        starts = range(job.payload["first"], job.payload["last"])
        return [array_bytes(np.stack([different(row, start, depth) for start in starts]))]

    yield block_output("rank-different", job, body)
