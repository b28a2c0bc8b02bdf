"""Vectors that are made up, as wide as asked for, as text embeddings lie: a cone with clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ledger.project.load import load_project

if TYPE_CHECKING:
    from bench.reference import Array
    from bench.setting import Bench
    from bench.site import Site

CLUSTERS = 40
# the mean of the original's vectors had the length 0.77
COMMON, CLUSTER, OWN = 1.0, 0.586, 0.586

SETTINGS = """
[words]
min_count = 1000000
[embedding]
embedder = "npy"
path = "vectors.npy"
"""


def text_like(count: int, width: int) -> Array:
    """(count, width) float32: a direction common to all, one of its cluster, one of its own."""
    random = np.random.default_rng(width)

    def directions(rows: int) -> Array:
        drawn = random.standard_normal((rows, width))
        unit: Array = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
        return unit

    clusters = directions(CLUSTERS)[random.integers(0, CLUSTERS, count)]
    made: Array = COMMON * directions(1) + CLUSTER * clusters + OWN * directions(count)
    return made.astype(np.float32)


def made_space(bench: Bench, width: int) -> Site:
    """The corpus with made-up vectors, as far as the matrix of cosines."""
    site = bench.unplanned(f"made-{width}", SETTINGS)
    names = [f"{record['category']}/{record['id']}" for record in bench.records]
    names += [f"theme:{theme}" for theme in load_project(site.root).settings.themes]
    np.save(site.root / "vectors.npy", text_like(len(names), width))
    (site.root / "vectors.ids.txt").write_text("\n".join(names) + "\n", "utf-8")
    site.ledger("init")
    site.ledger("spawn", 2, "--quiet", "--only", "gram")
    return site
