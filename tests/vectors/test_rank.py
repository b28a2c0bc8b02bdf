"""The rankings equal their naive references, ties included."""

from __future__ import annotations

import numpy as np
import pytest
from vectors import reference

from ledger.vectors import rank
from ledger.vectors.rank import different, fixed_point, nearest, similar
from ledger.vectors.space import Space, centre_sample, nearest_theme, unit


def points(count: int, width: int = 16, seed: int = 0) -> np.ndarray:
    """Return unit vectors with a common direction and clusters, as those of texts have."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(5, width))
    raw = centres[random.integers(0, 5, count)] + random.normal(size=(count, width)) + 1.0
    return Space(raw.astype(np.float32), centre=True).project(raw.astype(np.float32))


@pytest.mark.parametrize("depth", [0, 1, 7, 39])
def test_similar_equals_the_reference(depth):
    """Every row of a block equals a full sort of all cosines."""
    vectors = points(40)

    found = similar(vectors, 10, 20, depth)

    expected = [reference.similar(vectors.astype(np.float64), i, depth) for i in range(10, 20)]
    assert found.tolist() == expected


@pytest.mark.parametrize("depth", [0, 1, 7, 39])
def test_different_equals_the_reference(depth):
    """Adding rows of the matrix of cosines walks the same way as averaging vectors."""
    vectors = points(40)
    gram = fixed_point(vectors, vectors)

    found = [different(gram.__getitem__, start, depth).tolist() for start in range(40)]

    wide = vectors.astype(np.float64)
    assert found == [reference.different(wide, start, depth) for start in range(40)]


def test_blocks_do_not_show():
    """The ranking does not depend on the block size."""
    vectors = points(50)

    whole = similar(vectors, 0, 50, 9)
    pieces = np.concatenate([similar(vectors, a, min(a + 7, 50), 9) for a in range(0, 50, 7)])

    assert whole.tolist() == pieces.tolist()


def test_ties_go_to_the_lower_index():
    """Ties at the end of the list go to the lowest indices."""
    cosines = np.array([0.5, 0.9, 0.5, 0.5, 0.1, 0.5], np.float32)

    assert nearest(cosines, 3).tolist() == [1, 0, 2]


def test_twins_are_ranked_by_index():
    """Documents with the same text are ranked in corpus order."""
    vectors = np.repeat(points(3), 4, axis=0)

    assert similar(vectors, 0, 1, 3).tolist() == [[1, 2, 3]]


def test_a_walk_takes_everybody_once():
    """A full walk lists each of the others once."""
    vectors = points(60)
    gram = fixed_point(vectors, vectors)

    assert sorted([5, *different(gram.__getitem__, 5, 59).tolist()]) == list(range(60))


def test_a_long_walk_equals_the_reference():
    """A full walk over many documents, with growing sums, equals the reference."""
    vectors = points(400)
    gram = fixed_point(vectors, vectors)

    found = different(gram.__getitem__, 7, 399).tolist()

    assert found == reference.different(vectors.astype(np.float64), 7, 399)


@pytest.mark.parametrize("limit", [0, rank.ONE, 3 * rank.ONE])
def test_sums_that_leave_32_bits_go_on_exactly(monkeypatch, limit):
    """A walk is the same, whenever it switches to 64 bits."""
    vectors = points(400)
    gram = fixed_point(vectors, vectors)
    usual = different(gram.__getitem__, 7, 399).tolist()
    monkeypatch.setattr(rank, "LIMIT", limit)

    assert usual == different(gram.__getitem__, 7, 399).tolist()


@pytest.mark.parametrize("steps", [1, 2, 50])
def test_long_walks_leave_32_bits_in_time(monkeypatch, steps):
    """A walk leaves 32 bits before its rounding errors could add up to too much."""
    vectors = points(60)
    gram = fixed_point(vectors, vectors)
    usual = different(gram.__getitem__, 7, 59).tolist()
    monkeypatch.setattr(rank, "STEPS", steps)

    assert usual == different(gram.__getitem__, 7, 59).tolist()


@pytest.mark.parametrize("common", [-3.0, 0.5, 3.0])
def test_documents_that_are_all_alike_are_walked_right(common):
    """Walks whose sums only grow, from the start or later, equal the reference."""
    vectors = unit(points(300) + np.float32(common) * points(1)).astype(np.float32)
    gram = fixed_point(vectors, vectors)

    found = [different(gram.__getitem__, start, 299).tolist() for start in range(5)]

    wide = vectors.astype(np.float64)
    assert found == [reference.different(wide, start, 299) for start in range(5)]


def test_the_bounds_of_fixed_point_hold():
    """Sums below 4 fit into 32 bits, those of used documents above all others."""
    four, rounding = 4 * rank.ONE, rank.STEPS**2 / 2
    assert rank.SHIFT == four
    assert rank.SHIFT + four <= 2**31
    assert rank.LIMIT + rounding < (four / rank.ONE) ** 2 * rank.ONE


def test_slices_of_columns_do_not_show(monkeypatch):
    """The cosines of many documents are computed slice by slice."""
    vectors = points(50)
    whole = fixed_point(vectors[:7], vectors)
    monkeypatch.setattr(rank, "SLICE", 8)

    assert whole.tolist() == fixed_point(vectors[:7], vectors).tolist()


def test_cosines_are_rounded_once():
    """Fixed point is within half a unit of the product in float64."""
    vectors = points(50)
    wide = vectors.astype(np.float64)

    assert np.abs(fixed_point(vectors, vectors) - wide @ wide.T * rank.ONE).max() <= 0.5


def test_centring_removes_the_common_direction():
    """Projected vectors have length 1 and a mean near zero."""
    vectors = points(500)

    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert np.linalg.norm(vectors.mean(axis=0)) < 0.2


def test_the_centre_stays_when_a_document_comes():
    """One more document seldom changes the sample, and its position never does."""
    names = [(f"c/{n}", str(n)) for n in range(2000)]
    before = {names[index] for index in centre_sample(names)}
    changed = sum(
        {(*names, new)[index] for index in centre_sample([*names, new])} != before
        for new in [(f"d/{n}", "x") for n in range(20)]
    )

    assert len(before) == 512
    assert changed <= 12
    assert before == {names[::-1][index] for index in centre_sample(names[::-1])}


def test_a_vanishing_vector_is_zero():
    """The only document of a corpus becomes the zero vector."""
    raw = np.ones((1, 4), np.float32)

    assert Space(raw, centre=True).project(raw).tolist() == [[0, 0, 0, 0]]
    assert unit(np.zeros((1, 4))).tolist() == [[0, 0, 0, 0]]


def test_without_centring_only_lengths_change():
    """With centre = false, directions are unchanged."""
    raw = np.array([[3, 4], [0, 2]], np.float32)

    assert np.allclose(Space(raw, centre=False).project(raw), [[0.6, 0.8], [0, 1]])


def test_the_nearest_theme_is_found():
    """Each document gets the theme with the largest cosine."""
    documents = np.array([[1, 0], [0.6, 0.8]], np.float32)
    themes = np.array([[0, 1], [1, 0]], np.float32)

    assert nearest_theme(documents, themes).tolist() == [1, 0]
