"""The two rankings: the most similar documents, and the walk to the most different ones.

Vectors are unit vectors, so a dot product is a cosine. Ties go to the lower index, so a
result does not depend on block sizes, threads or the order of work. The plain versions that
these must equal stand in tests/vectors/reference.py.
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
    """The indices of the `depth` largest values, largest first; shape (depth,), int32."""
    if depth == 0:
        return np.empty(0, np.int32)
    # All values that reach the depth-th largest: with ties there may be more than depth of
    # them, and a stable sort then keeps the lower indices.
    threshold = np.partition(cosines, cosines.size - depth)[cosines.size - depth]
    candidates = np.flatnonzero(cosines >= threshold)
    order = np.argsort(-cosines[candidates], kind="stable")[:depth]
    return candidates[order].astype(np.int32)


def similar(vectors: Floats, first: int, last: int, depth: int) -> Indices:
    """For documents `first` to `last` (excluded): the others by falling cosine.

    Args:
        vectors: (n, d) unit vectors, float32.
        first: the first document of the block.
        last: one past the last.
        depth: how many to list, at most n - 1.

    Returns:
        (last - first, depth) int32 indices.
    """
    cosines = np.asarray(vectors[first:last]) @ vectors.T
    rows = np.empty((last - first, depth), np.int32)
    for row in range(last - first):
        cosines[row, first + row] = -np.inf
        rows[row] = nearest(cosines[row], depth)
    return rows


# Cosines as whole numbers: sums of them are exact, in any order. Finer than a float32 product,
# which errs by 8e-7 here: a walk sums up thousands, and every near tie that falls the wrong
# way changes all that follows. (Of 300 walks of 7,796 steps 5 differ from those in float64;
# with float32 products and 2^-23 it was 71.)
ONE = 2**28
# The sums of unused documents are kept SHIFT too low, those of used ones SHIFT too high, so that
# both stay in 32 bits and apart while a sum is less than 4 (SHIFT / ONE) either way. No sum is
# more than the length of the sum of all vectors taken: it is a unit vector's product with that.
SHIFT = 2**30
LIMIT = 14 * ONE  # for the length's square: 16, less 1 for the roundings of STEPS, and some
STEPS = 2**14
SLICE = 2048


def fixed_point(left: Floats, right: Floats) -> Indices:
    """The cosines of (k, d) with (n, d) vectors as multiples of 1 / ONE; shape (k, n), int32."""
    cosines = np.empty((len(left), len(right)), np.int32)
    wide = left.astype(np.float64) * ONE
    for first in range(0, len(right), SLICE):  # no float64 copy of everything
        columns = slice(first, first + SLICE)
        cosines[:, columns] = np.rint(wide @ right[columns].astype(np.float64).T)
    return cosines


def different(gram_row: Callable[[int], Indices], start: int, depth: int) -> Indices:
    """The walk from `start`: each time the unused document farthest from the mean so far.

    The farthest from the mean of the taken set S has the least `sum over s in S of G[c, s]`
    with G the matrix of cosines, so that a step is one addition of a row and one search for
    the minimum. The walk keeps those sums near zero for long, so that they fit into 32 bits,
    which NumPy adds at twice the speed; then it goes on in 64.

    Args:
        gram_row: gives row i of G in fixed point, (n,) int32.
        start: the index of the page's own document.
        depth: how many to list, at most n - 1.

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
            taken = int(wide.argmin())  # the first of equals, that is the lowest index
            walk[step] = taken
            wide[taken] = 2**62
            np.add(wide, gram_row(taken), wide)
    return walk[1:].astype(np.int32)


def _walk_narrow(
    gram_row: Callable[[int], Indices], sums: Indices, walk: npt.NDArray[np.intp]
) -> int:
    """Walk for as long as sums surely fit; returns how many steps. Each operation counts here."""
    least, at, add = sums.argmin, sums.item, np.add
    square = ONE  # of the length of the sum of the vectors taken: |s + v|² = |s|² + 2 s·v + 1
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
