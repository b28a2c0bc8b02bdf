"""The baseline of the rankings: plain NumPy, float64, float32, one thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ledger.project.load import STATE_FOLDER
from ledger.vectors.shards import collect
from ledger.vectors.space import Space, centre_sample, unit

if TYPE_CHECKING:
    from worker.context import Context

Array = npt.NDArray[Any]
Wide = npt.NDArray[np.float64]


def exact_gram(context: Context) -> Wide:
    """All cosines in float64, from the raw embeddings through the space in float64."""
    shards = context.state_path(f"{STATE_FOLDER}/vectors/{context.facts['artefacts']['embed']}")
    names = context.documents.identities()
    raw = collect(shards.glob("*.npz"), names)
    vectors = unit(unit(raw) - Space(raw[centre_sample(names)], centre=True).mean)
    return vectors @ vectors.T


def stored_gram(vectors: Array) -> Wide:
    """All cosines in float64, of the float32 vectors that the space stores."""
    wide: Wide = vectors.astype(np.float64)
    return wide @ wide.T


def exact_walk(gram: Wide, start: int, depth: int) -> Array:
    """The walk in float64: each time the unused document with the least sum of cosines."""
    walk = np.empty(depth, np.int64)
    sums = gram[start].copy()
    sums[start] = np.inf
    for step in range(depth):
        taken = walk[step] = sums.argmin()
        sums += gram[taken]
        sums[taken] = np.inf
    return walk


def gaps(gram: Wide, start: int, walk: Array) -> Wide:
    """For every step: its mean cosine with what was taken before, less the least there was."""
    found = np.empty(len(walk))
    sums = gram[start].copy()
    sums[start] = np.inf
    for step, taken in enumerate(walk):
        found[step] = (sums[taken] - sums.min()) / (step + 1)
        sums += gram[taken]
        sums[taken] = np.inf
    return found


def naive_walk(vectors: Array, start: int, steps: int) -> list[int]:
    """The rule taken at its word, in float32: a product of all vectors with the mean, each step."""
    total = vectors[start].copy()
    used = np.zeros(len(vectors), bool)
    used[start] = True
    walk = []
    for step in range(1, steps + 1):
        cosines = vectors @ (total / np.float32(step))
        cosines[used] = np.inf
        taken = int(cosines.argmin())
        walk.append(taken)
        used[taken] = True
        total += vectors[taken]
    return walk


def argpartitioned(vectors: Array, depth: int) -> Array:
    """The `depth` most similar of every document, unsorted, its own among them."""
    cosines = vectors @ vectors.T
    found = np.empty((len(vectors), depth), np.int64)
    for row in range(len(vectors)):
        found[row] = np.argpartition(cosines[row], -depth)[-depth:]
    return found
