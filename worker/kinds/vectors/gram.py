"""gram: the cosines of all pairs of documents, in fixed point, one job per block of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.fingerprint import fingerprint
from ledger.jobs import Planned
from worker.artefacts import array_bytes, artefact_path, block_output, blocks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy as np
    import numpy.typing as npt

    from ledger.jobs import Job, Output
    from ledger.planning.plan import Plan
    from worker.context import Context

needs = ("space",)
sites = ("poems",)
effects = False
VERSION = 3
BLOCK = 256


def plan(plan: Plan) -> Iterator[Planned]:
    """Plan a job for every block of rows."""
    inputs = plan.artefacts["gram"] = fingerprint(VERSION, plan.artefacts["space"], BLOCK)
    plan.job_bytes["gram"] = min(BLOCK, len(plan.documents)) * len(plan.documents) * 4
    for number, first, last in blocks(len(plan.documents), BLOCK):
        path = artefact_path("gram", inputs, f"{number:05}.npy")
        yield Planned(f"{number:05}", inputs, (path,), {"first": first, "last": last})


def run(job: Job, context: Context) -> Iterable[Output]:
    """Multiply one block of vectors with all vectors."""
    first, last = job.payload["first"], job.payload["last"]

    from ledger.vectors.rank import fixed_point

    def body() -> list[bytes]:
        vectors = context.artefacts.array("space", "vectors.npy")
        return [array_bytes(fixed_point(vectors[first:last], vectors))]

    yield block_output("gram", job, body)


def gram_blocks(context: Context) -> list[npt.NDArray[np.int32]]:
    """Return the blocks of rows of the matrix, each (at most BLOCK, n) int32, memory-mapped."""
    total = context.facts["documents"]
    return [context.artefacts.block("gram", number) for number, _, _ in blocks(total, BLOCK)]
