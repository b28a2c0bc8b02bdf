"""The compiled walks equal those of NumPy, and those of the reference."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from vectors import reference

from ledger.process.logs import WorkerLog, log_path
from ledger.vectors.rank import ONE, different, fixed_point
from ledger.vectors.space import unit
from worker.kinds.vectors import rank_different

pytest.importorskip("numba", reason="the extra `fast` is not installed")
from ledger.vectors import kernel

RANDOM = np.random.default_rng(7)


def drawn(count: int, width: int = 16) -> np.ndarray:
    return unit(RANDOM.normal(size=(count, width))).astype(np.float32)


def cut(gram: np.ndarray, rows: int) -> list[np.ndarray]:
    """Split a matrix into read-only blocks, like memory-mapped ones."""
    gram.flags.writeable = False
    return [gram[first : first + rows] for first in range(0, len(gram), rows)]


def plain(gram: np.ndarray, starts: range, depth: int) -> list[list[int]]:
    return [different(gram.__getitem__, start, depth).tolist() for start in starts]


CLUSTERS = np.repeat(drawn(6), 40, axis=0) + 0.05 * RANDOM.normal(size=(240, 16))
VECTORS = {
    "random": drawn(300),
    "isotropic": drawn(300, 200),
    "duplicated": np.repeat(drawn(50), 6, axis=0),
    "clustered": unit(CLUSTERS).astype(np.float32),
    "all alike": unit(drawn(200) + np.float32(2)).astype(np.float32),
    "zero": np.zeros((140, 16), np.float32),
}


@pytest.mark.parametrize("vectors", VECTORS.values(), ids=VECTORS)
def test_equals_numpy(vectors):
    """Full walks from all documents are equal, with many ties too."""
    gram = fixed_point(vectors, vectors)
    starts, depth = range(len(vectors)), len(vectors) - 1

    assert plain(gram, starts, depth) == kernel.different(cut(gram, 64), starts, depth).tolist()


def test_equals_the_reference():
    """Adding rows of the matrix of cosines walks the same way as averaging vectors."""
    vectors = VECTORS["random"]
    gram = fixed_point(vectors, vectors)

    found = kernel.different([gram], range(9), 299).tolist()

    assert [reference.different(vectors.astype(np.float64), n, 299) for n in range(9)] == found


def test_ties_go_to_the_lower_index():
    """Walks with ties at every step, within a piece and between pieces, are equal."""
    coarse = RANDOM.integers(-1, 2, (700, 700), np.int32) * ONE

    found = kernel.different([coarse], range(20), 699).tolist()

    assert found == plain_in_64_bits(coarse, range(20))


def plain_in_64_bits(gram: np.ndarray, starts: range) -> list[list[int]]:
    """Walks are equal for matrices that come from no vectors, whose sums are unbounded."""
    walks = []
    for start in starts:
        walk, sums = [start], gram[start].astype(np.int64)
        while len(walk) < len(gram):
            sums[walk[-1]] = 2**40
            walk.append(int(sums.argmin()))
            sums += gram[walk[-1]]
            sums[walk] = 2**40
        walks.append(walk[1:])
    return walks


@pytest.mark.parametrize("count", [1, 2, 3, 5, 127, 128, 129, 257])
@pytest.mark.parametrize("rows", [1, 64, 300])
def test_sizes_and_blocks_do_not_show(count, rows):
    """Walks are equal for few documents, and for numbers around piece and block sizes."""
    vectors = VECTORS["random"][:count]
    gram = fixed_point(vectors, vectors)
    starts = range(max(0, count - 5), count)

    assert plain(gram, starts, count - 1) == (
        kernel.different(cut(gram, rows), starts, count - 1).tolist()
    )


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_short_walks(depth):
    """Depth 0 gives empty rows."""
    gram = fixed_point(VECTORS["random"], VECTORS["random"])

    found = kernel.different([gram], range(5), depth)

    assert (5, depth) == found.shape
    assert plain(gram, range(5), depth) == found.tolist()


def test_blocks_that_do_not_fit_are_refused():
    """Blocks of the wrong shape are refused, since rows are read by address."""
    gram = fixed_point(VECTORS["random"], VECTORS["random"])

    for wrong in [gram[:5], gram.T, gram.astype(np.int64)]:
        with pytest.raises(ValueError, match="int32 matrix"):
            kernel.different([wrong], range(2), 1)


@pytest.mark.parametrize("worthwhile", [0, 10**18])
def test_the_kind_gives_the_same_either_way(monkeypatch, tmp_path, worthwhile):
    """The amount of work decides between kernel and NumPy, with the same result."""
    gram = fixed_point(VECTORS["random"], VECTORS["random"])
    monkeypatch.setattr(rank_different, "WORTHWHILE", worthwhile)

    found = rank_different.walks(
        WorkerLog(tmp_path, 1), cut(gram, 256), range(60, 70), 299
    ).tolist()

    assert plain(gram, range(60, 70), 299) == found


def test_without_numba_numpy_walks(monkeypatch, tmp_path):
    """Without the extra everything works, and the log says why it is slower."""
    monkeypatch.setattr(rank_different, "WORTHWHILE", 0)
    monkeypatch.setitem(sys.modules, "ledger.vectors.kernel", None)

    assert rank_different._kernel(WorkerLog(tmp_path, 1), 1) is None
    assert "pip install 'ledger[fast]'" in log_path(tmp_path, 1).read_text("utf-8")


@pytest.mark.slow
def test_compiled_once(tmp_path):
    """Two processes that start together compile once, into the user's cache folder."""
    count = "import ledger.vectors.kernel as k; print(sum(k._walk.stats.cache_misses.values()))"
    both = [
        subprocess.Popen(
            [sys.executable, "-c", count],
            env={"XDG_CACHE_HOME": str(tmp_path)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]

    assert ["0\n", "1\n"] == sorted(process.communicate(timeout=60)[0] for process in both)
