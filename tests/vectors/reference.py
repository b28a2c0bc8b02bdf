"""Naive versions of the rankings, in float64, which the fast ones must equal."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Wide = npt.NDArray[np.float64]


def similar(vectors: Wide, document: int, depth: int) -> list[int]:
    """Return the others by descending cosine; ties by index."""
    cosines = vectors @ vectors[document]
    others = [index for index in range(len(vectors)) if index != document]
    return sorted(others, key=lambda index: (-cosines[index], index))[:depth]


def different(vectors: Wide, start: int, depth: int) -> list[int]:
    """Repeatedly take the unused document farthest, by cosine, from the mean of those taken."""
    taken = [start]
    while len(taken) <= depth:
        centroid = vectors[taken].mean(axis=0)
        cosines = vectors @ centroid
        cosines[taken] = np.inf
        taken.append(int(cosines.argmin()))
    return taken[1:]
