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


def different(gram_row: Callable[[int], Floats], start: int, depth: int) -> Indices:
    """The walk from `start`: each time the unused document farthest from the mean so far.

    The farthest from the mean of the taken set S has the least `sum over s in S of G[c, s]`
    with G the matrix of cosines, so that a step is one addition of a row and one search for
    the minimum. Sums are kept in float64: in float32 7 % of the positions of a full walk differ.

    Args:
        gram_row: gives row i of G, (n,) float32.
        start: the index of the page's own document.
        depth: how many to list, at most n - 1.

    Returns:
        (depth,) int32 indices, without `start`.
    """
    walk = np.empty(depth, np.int32)
    sums = gram_row(start).astype(np.float64)
    sums[start] = np.inf
    for step in range(depth):
        taken = int(sums.argmin())  # the first of equals, that is the lowest index
        walk[step] = taken
        sums += gram_row(taken)
        sums[taken] = np.inf
    return walk
