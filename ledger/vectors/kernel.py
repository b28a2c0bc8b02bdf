"""The walks of `rank.different`, compiled with numba: the same result at about twice the speed.

Each step reads one row of the matrix of cosines, which is in no cache, so a walk on its own
spends its time waiting for memory. Several walks advance in lockstep instead: while one adds
its row, the row of the next is prefetched. Importing this module takes 0.5 s and 110 MB, plus
a second for compilation on its first use on a machine.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numba
import numpy as np
from llvmlite import ir
from numba.core.cgutils import get_or_insert_function
from numba.extending import intrinsic

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Indices = npt.NDArray[np.int32]

LOCKSTEP = 4  # walks per group; their sums (250 kB for 7,797 documents) must fit in a core's cache
PIECE = 128  # sums per piece: 8 cache lines of the next row are prefetched with each
LINE = 16  # int32 cosines per cache line of 64 bytes
USED = 2**62  # exceeds every sum of an unused document; adding cosines cannot overflow it


def different(blocks: Sequence[Indices], starts: Sequence[int], depth: int) -> Indices:
    """Return the walks of `rank.different` from all of `starts`; (len(starts), depth) int32.

    `blocks` are consecutive blocks of rows of the (n, n) matrix of cosines in fixed point.

    Raises:
        ValueError: the blocks are not C-contiguous int32 of shape (k, n) with n rows in all.
    """
    total = sum(len(block) for block in blocks)
    if not all(
        b.dtype == np.int32 and b.flags.c_contiguous and b.shape[1] == total for b in blocks
    ):
        # the kernel reads rows by address: a wrong layout would read arbitrary memory
        raise ValueError("the blocks are not the rows of one int32 matrix")
    rows = np.concatenate([np.arange(len(b)) * b.strides[0] + b.ctypes.data for b in blocks])
    found = np.empty((len(starts), depth), np.int32)
    for first in range(0, len(starts), LOCKSTEP):
        group = starts[first : first + LOCKSTEP]
        walks = np.zeros((len(group), depth + 1), np.int64)
        walks[:, 0] = group
        _walk(rows.astype(np.uintp), np.zeros((len(group), total), np.int64), walks)
        found[first : first + LOCKSTEP] = walks[:, 1:]
    return found


def _steps(rows: Any, sums: Any, walks: Any) -> None:
    """Fill `walks` from column 1 on; column 0 holds the starts.

    Args:
        rows: (n,) uintp, the address of each row of the matrix of cosines, n int32 each.
        sums: (k, n) int64 zeros; for each walk, the sum of the rows taken so far.
        walks: (k, depth + 1) int64 indices.
    """
    count, total = sums.shape
    for step in range(1, walks.shape[1]):
        for walk in range(count):
            taken, mine = walks[walk, step - 1], sums[walk]
            mine[taken] = USED
            row = numba.carray(_pointer(rows[taken]), (total,))
            # The row to prefetch is the one that the next walk of the group adds. Its document
            # is known already: the next walk's last one or, after the last walk of the group,
            # the one that walk 0 chose earlier in this step, hence the + 1 from `// count`.
            # (A group of one reads column `step`, still zero, and prefetches row 0 needlessly.)
            soon = rows[walks[(walk + 1) % count, step - 1 + (walk + 1) // count]]
            # Add the row and find the minimum in one pass over the sums. It proceeds piece by
            # piece, so that prefetches alternate with work: a core can have only a few cache
            # misses outstanding at a time. The inner loop tracks the minimum without its index,
            # which keeps it simple enough for LLVM to vectorise.
            least, piece = np.int64(2**63 - 1), 0
            for first in range(0, total, PIECE):
                last = min(first + PIECE, total)
                for ahead in range(first, last, LINE):
                    _prefetch(soon + np.uintp(4 * ahead))
                added, cosines, low = mine[first:last], row[first:last], np.int64(2**63 - 1)
                for index in range(len(added)):  # LLVM vectorises this loop
                    added[index] += cosines[index]
                    low = min(low, added[index])
                if low < least:  # not <=: ties go to the lowest index
                    least, piece = low, first
            while mine[piece] != least:  # the first match within the piece, so the lowest index
                piece += 1
            walks[walk, step] = piece


@intrinsic  # type: ignore[untyped-decorator]
def _pointer(_typing: Any, _address: Any) -> Any:
    """Cast an address to a pointer to int32."""

    def code(_context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        return builder.inttoptr(given[0], ir.IntType(32).as_pointer())

    return numba.types.CPointer(numba.int32)(numba.uintp), code


@intrinsic  # type: ignore[untyped-decorator]
def _prefetch(_typing: Any, _address: Any) -> Any:
    """Prefetch the cache line at an address; an invalid address is harmless."""

    def code(context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
        fetch = get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        how = (word(0), word(3), word(1))  # for reading, into all cache levels, data cache
        builder.call(fetch, [builder.inttoptr(given[0], byte), *how])
        return context.get_dummy_value()

    return numba.void(numba.uintp), code


def _compiled(function: Any) -> Any:
    """Compile for this CPU, or load what an earlier process left in the user's cache folder."""
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(numba.config.CACHE_DIR or Path(caches) / "ledger" / "numba")
    folder.mkdir(parents=True, exist_ok=True)
    numba.config.CACHE_DIR = str(folder)
    with (folder / "ledger.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one worker compiles, the others wait for its result
        types = "void(uintp[::1], int64[:, ::1], int64[:, ::1])"
        return numba.njit(types, cache=True, nogil=True)(function)


_walk = _compiled(_steps)
