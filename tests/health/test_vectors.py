"""What files say: nonsense with the right digest is found, mended, and leaves no trace."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from health.conftest import flip

from ledger.vectors.shards import read_shard, shard_bytes
from worker.artefacts import array_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from health.conftest import DamagedSite

SHARD = ".ledger/vectors/*/*.npz"


def not_a_number(names: Any, vectors: Any) -> bytes:
    """A vector that an embedder could not work out."""
    vectors[1, 3] = np.nan
    return shard_bytes(names, vectors)


SHARDS: dict[str, tuple[Callable[[Any, Any], bytes], str]] = {
    "not a number": (not_a_number, "not finite: letters/2"),
    "other texts": (lambda n, v: shard_bytes([*n[1:], n[0]], v), "of other texts"),
    "another digest": (
        lambda n, v: shard_bytes([(n[0][0], "0"), *n[1:]], v),
        "of other texts",
    ),
    "too few": (lambda n, v: shard_bytes(n, v[1:]), "has the shape"),
    "no shard": (lambda n, v: b"nothing", "cannot be read as vectors"),
}


@pytest.mark.parametrize("fault", SHARDS)
def test_a_shard_that_says_nonsense_is_found(site: DamagedSite, fault: str) -> None:
    """Also where its digest is right."""
    make, what = SHARDS[fault]
    path = site.find(SHARD)
    site.publish(path, make(*read_shard(path)))

    health = site.look()

    assert {"vectors"} == health.failing
    assert what in health.bad("vectors")[0]["what"]


def test_a_shard_that_says_nonsense_is_embedded_again(site: DamagedSite) -> None:
    """And everything after it is built again, and comes out right."""
    path, pages = site.find(SHARD), site.tree()
    site.publish(path, not_a_number(*read_shard(path)))

    assert {"vectors"} == site.look("--fix").fixed
    site.run("spawn", 2)
    assert set() == site.look().failing
    assert pages == site.tree()


def test_shards_of_two_widths_are_found(site: DamagedSite) -> None:
    """They cannot lie in one space."""
    path = site.find(SHARD)
    names, vectors = read_shard(path)
    path.with_name("zzz.npz").write_bytes(shard_bytes(names, vectors[:, 1:]))

    assert "has the shape" in site.look().bad("vectors")[0]["what"]


def test_a_broken_shard_that_nobody_owns_is_to_be_deleted(site: DamagedSite) -> None:
    """The space reads all of the folder, so it would stop there."""
    stray = site.find(SHARD).with_name("stray.npz")
    stray.write_bytes(site.find(SHARD).read_bytes())
    assert set() == site.look().failing
    flip(stray)

    finding = site.look("--fix").bad("vectors")[0]

    assert "delete .ledger/vectors" in finding["remedy"]
    assert stray.exists()


def test_a_text_without_a_vector_is_found(site: DamagedSite) -> None:
    """The documents in the plan are not those that the embeddings are of."""
    site.sql("UPDATE documents SET text_digest = 'other' WHERE position = 4")

    assert "no job is for the vector of letters/5" in site.look().bad("vectors")[0]["what"]


SPACE: dict[str, tuple[str, Callable[[Any], Any], str]] = {
    "longer": ("vectors.npy", lambda a: a * 2, "not of unit length, row 0"),
    "not a number": ("words.npy", lambda a: a * np.float32(np.nan), "not of unit length, row 0"),
    "too few": ("vectors.npy", lambda a: a[1:], "has the shape"),
    "no such theme": ("themes.npy", lambda a: a + 100, "a theme for every document"),
}


@pytest.mark.parametrize("fault", SPACE)
def test_a_space_that_is_none_is_found(site: DamagedSite, fault: str) -> None:
    """Its vectors are as many as the documents, and of length one."""
    name, change, what = SPACE[fault]
    path = site.find(f".ledger/artefacts/space/*/{name}")
    site.publish(path, array_bytes(change(np.load(path))))

    health = site.look()

    assert {"space"} == health.failing
    assert what in health.bad("space")[0]["what"]


def test_a_space_that_is_none_is_made_again(site: DamagedSite) -> None:
    """And the pages that may have been built from it."""
    path, pages = site.find(".ledger/artefacts/space/*/vectors.npy"), site.tree()
    site.publish(path, array_bytes(np.load(path)[::-1] * 2))

    assert {"space"} == site.look("--fix").fixed
    site.run("spawn", 2)

    assert pages == site.tree()


def change(row: int, column: int, value: int) -> Callable[[Any], Any]:
    """A ranking with one other entry."""

    def changed(ranking: Any) -> Any:
        ranking[row, column] = value
        return ranking

    return changed


RANKINGS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "nobody": (change(0, 0, 6), "documents that do not exist"),
    "less than nobody": (change(0, 0, -1), "documents that do not exist"),
    "itself": (change(2, 0, 2), "its own neighbour"),
    "fractions": (lambda a: a.astype(np.float32), "documents that do not exist"),
    "too shallow": (lambda a: a[:, 1:], "has the shape (6, 4), not (6, 5)"),
    "twice": (lambda a: np.stack([a[:, 0], *a.T[:4]], axis=1), "names a document twice"),
}


@pytest.mark.parametrize("kind", ["rank-similar", "rank-different"])
@pytest.mark.parametrize("fault", RANKINGS)
def test_a_ranking_that_cannot_be_is_found(site: DamagedSite, fault: str, kind: str) -> None:
    """Its shape and its ids are those of the plan's documents."""
    spoil, what = RANKINGS[fault]
    path = site.find(f".ledger/artefacts/{kind}/*/00000.npy")
    site.publish(path, array_bytes(spoil(np.load(path))))

    health = site.look()

    assert {"rankings"} == health.failing
    assert what in health.bad("rankings")[0]["what"]


def test_a_ranking_that_cannot_be_is_made_again(site: DamagedSite) -> None:
    """And the pages that may have been built from it."""
    path, pages = site.find(".ledger/artefacts/rank-similar/*/00000.npy"), site.tree()
    site.publish(path, array_bytes(change(0, 0, 6)(np.load(path))))

    assert {"rankings"} == site.look("--fix").fixed
    site.run("spawn", 2)

    assert pages == site.tree()
    assert set() == site.look().failing


def test_a_space_of_another_plan_is_found(site: DamagedSite) -> None:
    """Nobody would look for it where it is."""
    site.sql("UPDATE jobs SET fingerprint = 'other' WHERE kind = 'space'")

    assert {"space"} == site.look().failing


@pytest.mark.parametrize("fault", ["fingerprint", "path", "space", "depth"])
def test_a_ranking_of_another_plan_is_found(site: DamagedSite, fault: str) -> None:
    """Its fingerprint, its place and what it was made from are those that the plan says."""
    if fault == "fingerprint":
        site.sql("UPDATE jobs SET fingerprint = 'other' WHERE kind = 'rank-similar'")
    elif fault == "path":
        old = site.find(".ledger/artefacts/rank-similar/*/00000.npy")
        new = old.parent.parent / "other" / old.name
        new.parent.mkdir()
        old.rename(new)
        site.sql(
            "UPDATE outputs SET path = ? WHERE path = ?",
            *(path.relative_to(site.root).as_posix() for path in (new, old)),
        )
    else:
        value = json.dumps(1 if fault == "depth" else "other")
        site.sql(
            "UPDATE jobs SET payload = json_set(payload, '$.' || ?, json(?)) "
            "WHERE kind = 'rank-similar'",
            fault,
            value,
        )

    assert "is of another plan" in site.look().bad("rankings")[0]["what"]


def test_a_gap_between_blocks_is_found(site: DamagedSite) -> None:
    """All documents are ranked, or are planned to be."""
    site.sql("DELETE FROM outputs WHERE path LIKE '%rank-similar%'")
    site.sql("DELETE FROM jobs WHERE kind = 'rank-similar'")
    assert set() == site.look().failing

    site.sql(
        "UPDATE jobs SET payload = json_set(payload, '$.last', 3) WHERE kind = 'rank-different'"
    )

    assert "blocks for 3 of 6 documents" in site.look().bad("rankings")[-1]["what"]
