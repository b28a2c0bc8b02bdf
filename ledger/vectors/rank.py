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


# Cosines as whole numbers: sums of them are exact, and NumPy adds and compares int32 at
# twice the speed of float64. 2^-24 is the rounding of a float32 cosine anyway.
ONE = 2**23
# Used documents are kept out of the search by a sum that is HIGH. In STRIDE steps a sum moves
# by less than REACH, so that a HIGH one neither overflows nor comes down to MEETING, and one
# that is below SAFE stays below MEETING.
STRIDE = 64
REACH = (STRIDE + 1) * ONE
HIGH = 2**31 - 1 - REACH
MEETING = HIGH - REACH
SAFE = MEETING - REACH


def fixed_point(cosines: Floats) -> Indices:
    """Float32 cosines as int32 multiples of 1 / ONE, to the nearest."""
    rounded: Indices = np.rint(cosines * np.float32(ONE)).astype(np.int32)
    return rounded


def different(gram_row: Callable[[int], Indices], start: int, depth: int) -> Indices:
    """The walk from `start`: each time the unused document farthest from the mean so far.

    The farthest from the mean of the taken set S has the least `sum over s in S of G[c, s]`
    with G the matrix of cosines, so that a step is one addition of a row and one search for
    the minimum. The walk keeps those sums near zero almost to its end, so they fit into 32
    bits; should they leave that range, it goes on in float64, where they are exact too.

    Args:
        gram_row: gives row i of G in fixed point, (n,) int32.
        start: the index of the page's own document.
        depth: how many to list, at most n - 1.

    Returns:
        (depth,) int32 indices, without `start`.
    """
    walk = np.empty(depth + 1, np.intp)
    walk[0] = start
    sums = gram_row(start).copy()
    done = 0
    while done < depth and _rein_in(sums, walk[: done + 1]):
        end = min(done + STRIDE, depth)
        _walk(gram_row, sums, walk[done : end + 1], used=HIGH)
        done = end
    if done < depth:
        wide = sums.astype(np.float64)
        wide[walk[: done + 1]] = np.inf
        _walk(gram_row, wide, walk[done:], used=np.inf)
    return walk[1:].astype(np.int32)


def _walk(
    gram_row: Callable[[int], Indices],
    sums: npt.NDArray[np.number],
    walk: npt.NDArray[np.intp],
    *,
    used: float,
) -> None:
    """Fill `walk` after its first place; the hot loop, in which each operation counts."""
    least, add = sums.argmin, np.add
    for step in range(1, len(walk)):
        taken = int(least())  # the first of equals, that is the lowest index
        walk[step] = taken
        add(sums, gram_row(taken), sums)
        sums[taken] = used


def _rein_in(sums: Indices, used: npt.NDArray[np.intp]) -> bool:
    """Put the used ones back to HIGH; False if the others may not stay in range for a stride."""
    sums[used] = 0
    within = bool(sums.max() < SAFE and sums.min() > -SAFE)
    sums[used] = HIGH
    return within
