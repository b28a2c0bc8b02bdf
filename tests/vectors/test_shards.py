"""Shards: vectors are found by identity and digest, never by position."""

from __future__ import annotations

import numpy as np
import pytest

from ledger.errors import JobError
from ledger.vectors.shards import collect, read_shard, shard_bytes

A, B, C = ("x/a", "1"), ("x/b", "2"), ("x/c", "3")


def write(folder, name, names, vectors):
    """Write a shard to disk."""
    (folder / f"{name}.npz").write_bytes(shard_bytes(names, np.array(vectors, np.float32)))


def test_a_shard_says_what_it_was_told(tmp_path):
    """Names and vectors survive a round trip, and the same input gives the same bytes."""
    write(tmp_path, "s", [A, B], [[1, 2], [3, 4]])
    names, vectors = read_shard(tmp_path / "s.npz")

    assert (names, vectors.tolist()) == ([A, B], [[1, 2], [3, 4]])
    again = shard_bytes([A, B], np.array([[1, 2], [3, 4]], np.float32))
    assert (tmp_path / "s.npz").read_bytes() == again


def test_vectors_are_collected_in_the_order_asked_for(tmp_path):
    """Vectors are found in any of several shards."""
    write(tmp_path, "1", [B, A], [[2, 2], [1, 1]])
    write(tmp_path, "2", [C], [[3, 3]])

    assert collect(tmp_path.glob("*.npz"), [C, A, B])[:, 0].tolist() == [3, 1, 2]


def test_a_vector_of_an_older_text_is_not_taken(tmp_path):
    """A vector is used only if the digest matches too, not the identity alone."""
    write(tmp_path, "1", [("x/a", "old")], [[1, 1]])

    with pytest.raises(JobError, match="no vector for x/a"):
        collect(tmp_path.glob("*.npz"), [A])


def test_shards_of_two_widths_are_refused(tmp_path):
    """Shards of different widths are refused, with the shard named and a remedy."""
    write(tmp_path, "1", [A], [[1, 1]])
    write(tmp_path, "2", [B], [[1, 1, 1]])

    with pytest.raises(JobError, match=r"2\.npz has vectors of width 3"):
        collect(tmp_path.glob("*.npz"), [A, B])


def test_missing_vectors_are_counted(tmp_path):
    """The error names the first missing text and counts the others."""
    with pytest.raises(JobError, match="no vector for x/a and 1 more"):
        collect([], [B, A])
