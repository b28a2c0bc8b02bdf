"""The two rankings: the most similar documents, and the walk to the most different ones.

Vectors are unit vectors, so a dot product is a cosine. Ties go to the lower index, so results
do not depend on block sizes, threads or the order of work. The naive versions that these must
equal are in tests/vectors/reference.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]
    Indices = npt.NDArray[np.int32]


def nearest(cosines: Floats, depth: int) -> Indices:
    """Return the indices of the `depth` largest values, largest first; (depth,) int32."""
    if depth == 0:
        return np.empty(0, np.int32)
    # All values that reach the depth-th largest. With ties there may be more than `depth` of
    # them; the stable sort then keeps the lower indices.
    threshold = np.partition(cosines, cosines.size - depth)[cosines.size - depth]
    candidates = np.flatnonzero(cosines >= threshold)
    order = np.argsort(-cosines[candidates], kind="stable")[:depth]
    return candidates[order].astype(np.int32)


def similar(vectors: Floats, first: int, last: int, depth: int) -> Indices:
    """Rank, for documents `first` to `last` (excluded), all others by descending cosine.

    Args:
        vectors: (n, d) unit vectors, float32.
        first: the first document of the block.
        last: one past the last.
        depth: the number of documents to list, at most n - 1.

    Returns:
        (last - first, depth) int32 indices.
    """
    cosines = np.asarray(vectors[first:last]) @ vectors.T
    rows = np.empty((last - first, depth), np.int32)
    for row in range(last - first):
        cosines[row, first + row] = -np.inf
        rows[row] = nearest(cosines[row], depth)
    return rows


# Fixed point: cosines are stored as integer multiples of 1 / ONE, so that their sums are exact in
# any order, on any CPU and with any number of threads. The resolution, 4e-9, is finer than the
# error of a float32 product (8e-7 here), because a walk adds thousands of cosines, and one near
# tie that falls the wrong way changes every later step. (Of 300 walks of 7,796 steps, 5 differ
# from float64; with float32 products and a resolution of 2^-23 it was 71.)
ONE = 2**28
# int32 adds twice as fast as int64 but holds only 2^31 / ONE = 8 in either direction, and used
# documents must never be chosen again. Sums of unused documents are therefore stored minus SHIFT
# and those of used ones plus SHIFT. While every true sum s satisfies |s| < SHIFT / ONE = 4, unused
# ones stay in (-8, 0) and used ones in (0, 8): nothing overflows, and the minimum is unused.
# By Cauchy-Schwarz, |s| is at most the length of the sum of all vectors taken, since s is the
# product of that with a unit vector. So it suffices to watch the length's square.
SHIFT = 2**30
LIMIT = 14 * ONE  # bound for the squared length: 4^2, minus 1 for rounding in STEPS, and a margin
STEPS = 2**14  # steps for which the accumulated rounding of the squared length stays below 1
SLICE = 2048  # columns converted to float64 at a time


def fixed_point(left: Floats, right: Floats) -> Indices:
    """Return the cosines of (k, d) with (n, d) vectors as multiples of 1 / ONE; (k, n) int32."""
    cosines = np.empty((len(left), len(right)), np.int32)
    wide = left.astype(np.float64) * ONE
    for first in range(0, len(right), SLICE):  # avoids a float64 copy of all of `right`
        columns = slice(first, first + SLICE)
        cosines[:, columns] = np.rint(wide @ right[columns].astype(np.float64).T)
    return cosines


def different(gram_row: Callable[[int], Indices], start: int, depth: int) -> Indices:
    """Walk from `start`, choosing at each step the unused document farthest from the mean so far.

    The document c farthest from the mean of the set S taken so far has the least
    `sum over s in S of G[c, s]`, with G the matrix of cosines, so that a step is one addition
    of a row and one search for the minimum. These sums stay near zero for a long time, since
    each step balances those before it; while they fit, they are kept in 32 bits, which NumPy
    adds at twice the speed, and afterwards in 64.

    Args:
        gram_row: returns row i of G in fixed point, (n,) int32.
        start: the index of the page's own document.
        depth: the number of documents to list, at most n - 1.

    Returns:
        (depth,) int32 indices, without `start`.
    """
    walk = np.empty(depth + 1, np.intp)
    walk[0] = start
    sums = gram_row(start) - np.int32(SHIFT)
    sums[start] = int(sums[start]) + 2 * SHIFT
    done = _walk_narrow(gram_row, sums, walk)
    if done < depth:
        wide = sums.astype(np.int64)
        wide[walk[: done + 1]] = 2**62
        for step in range(done + 1, depth + 1):
            taken = int(wide.argmin())  # the first of equals, so ties go to the lowest index
            walk[step] = taken
            wide[taken] = 2**62
            np.add(wide, gram_row(taken), wide)
    return walk[1:].astype(np.int32)


def _walk_narrow(
    gram_row: Callable[[int], Indices], sums: Indices, walk: npt.NDArray[np.intp]
) -> int:
    """Walk while the sums certainly fit into 32 bits; return the number of steps taken.

    This is the hot loop, in which every Python operation counts: hence the bound methods.
    """
    least, at, add = sums.argmin, sums.item, np.add
    # Squared length of the sum s of the vectors taken, in fixed point. Taking v makes it
    # |s + v|² = |s|² + 2 s·v + 1, and s·v is the sum of the chosen document, without its SHIFT.
    square = ONE
    for step in range(1, min(len(walk), STEPS)):
        taken = int(least())
        low = at(taken)
        square += 2 * (low + SHIFT) + ONE
        if square > LIMIT:
            return step - 1
        walk[step] = taken
        sums[taken] = low + 2 * SHIFT
        add(sums, gram_row(taken), sums)
    return min(len(walk), STEPS) - 1
