"""rank-similar: for every document the others by falling cosine, a block of documents a job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.digest import fingerprint
from ledger.jobs import Output, Planned
from worker.artefacts import array_bytes, artefact_path, blocks, stored_depth

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ledger.jobs import Job
    from ledger.planner import Plan
    from worker.context import Context

needs = ("space",)
sites = ("poems",)
effects = False
VERSION = 1
BLOCK = 256


def plan(plan: Plan) -> Iterator[Planned]:
    """A job for every block of documents."""
    space = plan.artefacts["space"]
    depth = stored_depth(plan.existing("rank-similar"), space, plan.depth)
    mark = plan.artefacts["rank-similar"] = fingerprint(VERSION, space, depth, BLOCK)
    for number, first, last in blocks(len(plan.documents), BLOCK):
        path = artefact_path("rank-similar", mark, f"{number:05}.npy")
        payload = {"first": first, "last": last, "depth": depth, "space": space}
        yield Planned(f"{number:05}", mark, (path,), payload, position=first)


def run(job: Job, context: Context) -> Iterable[Output]:
    """Rank one block."""
    from ledger.vectors.rank import similar

    def body() -> list[bytes]:
        vectors = context.artefacts.array("space", "vectors.npy")
        first, last = job.payload["first"], job.payload["last"]
        return [array_bytes(similar(vectors, first, last, job.payload["depth"]))]

    path = artefact_path("rank-similar", job.fingerprint, f"{job.key}.npy")
    yield Output(path, job.fingerprint, body)
