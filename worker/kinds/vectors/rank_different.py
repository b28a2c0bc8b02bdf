"""rank-different: the walk from every document to the most different ones, one job per block."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.artefacts import array_bytes, block_output
from worker.kinds.poems.ranking import plan_blocks
from worker.kinds.vectors.gram import gram_blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import numpy as np
    import numpy.typing as npt

    from ledger.jobs import Job, Output, Planned
    from ledger.planning.plan import Plan
    from ledger.process.logs import WorkerLog
    from worker.context import Context

    Indices = npt.NDArray[np.int32]
    Kernel = Callable[[Sequence[Indices], Sequence[int], int], Indices]

needs = ("gram",)
sites = ("poems",)
effects = False
VERSION = 3
BLOCK = 64
# The number of additions in a job from which loading numba pays off: it costs each worker 0.5 s
# and 110 MB, and saves 0.6 s per 10^9 additions. A block of 7,797 documents at depth 200 has 10^8.
WORTHWHILE = 5 * 10**8


def plan(plan: Plan) -> Iterator[Planned]:
    """Plan a job for every block of documents."""
    return plan_blocks(plan, "rank-different", "gram", VERSION, BLOCK)


def run(job: Job, context: Context) -> Iterable[Output]:
    """Walk from every document of one block."""

    def body() -> list[bytes]:
        starts = range(job.payload["first"], job.payload["last"])
        return [array_bytes(walks(context.log, gram_blocks(context), starts, job.payload["depth"]))]

    yield block_output("rank-different", job, body)


def walks(log: WorkerLog, rows: list[Indices], starts: range, depth: int) -> Indices:
    """Return the walks from all of `starts`, (len(starts), depth) int32; compiled if worthwhile."""
    import numpy as np

    from ledger.vectors.rank import different

    if kernel := _kernel(log, len(starts) * depth * sum(map(len, rows))):
        return kernel(rows, starts, depth)
    row_of = [row for block in rows for row in block]
    return np.stack([different(row_of.__getitem__, start, depth) for start in starts])


def _kernel(log: WorkerLog, additions: int) -> Kernel | None:
    """Return the compiled walks if they pay off and the extra `fast` is installed, else None."""
    if additions < WORTHWHILE:
        return None
    try:
        from ledger.vectors.kernel import different
    except (ImportError, OSError, RuntimeError) as error:
        # no numba, or no writable cache folder for it: slower, with the same result
        log.warning("walking in NumPy", why=str(error), remedy="pip install 'ledger[fast]'")
        return None
    return different
