"""rank-different: for every document the walk to the most different ones, a block a job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.digest import fingerprint
from ledger.jobs import Output, Planned
from worker.artefacts import array_bytes, artefact_path, blocks, stored_depth
from worker.kinds.gram import gram_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ledger.jobs import Job
    from ledger.planner import Plan
    from worker.context import Context

needs = ("gram",)
sites = ("poems",)
effects = False
VERSION = 2
BLOCK = 64


def plan(plan: Plan) -> Iterator[Planned]:
    """A job for every block of documents."""
    space = plan.artefacts["gram"]
    depth = stored_depth(plan.existing("rank-different"), space, plan.depth)
    mark = plan.artefacts["rank-different"] = fingerprint(VERSION, space, depth, BLOCK)
    for number, first, last in blocks(len(plan.documents), BLOCK):
        path = artefact_path("rank-different", mark, f"{number:05}.npy")
        payload = {"first": first, "last": last, "depth": depth, "space": space}
        yield Planned(f"{number:05}", mark, (path,), payload, position=first)


def run(job: Job, context: Context) -> Iterable[Output]:
    """Walk from every document of one block."""
    import numpy as np

    from ledger.vectors.rank import different

    def body() -> list[bytes]:
        row = gram_rows(context.artefacts)
        depth = job.payload["depth"]
        starts = range(job.payload["first"], job.payload["last"])
        return [array_bytes(np.stack([different(row, start, depth) for start in starts]))]

    path = artefact_path("rank-different", job.fingerprint, f"{job.key}.npy")
    yield Output(path, job.fingerprint, body)
