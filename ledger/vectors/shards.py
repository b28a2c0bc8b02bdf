"""Shards: files of raw embeddings, in which each vector has the identity and digest of its text."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import numpy as np

from ledger.errors import JobError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

Name = tuple[str, str]
"""(identity, digest of the text): the key of a vector."""


def shard_bytes(names: Sequence[Name], vectors: Floats) -> bytes:
    """Serialise (k, d) vectors and their k names; the same input gives the same bytes."""
    buffer = io.BytesIO()
    text = json.dumps(names, ensure_ascii=False).encode("utf-8")
    np.savez(buffer, names=np.frombuffer(text, np.uint8), vectors=vectors)
    return buffer.getvalue()


def read_shard(path: Path) -> tuple[list[Name], Floats]:
    """Read the k names and the (k, d) float32 vectors of a shard."""
    with np.load(path) as shard:
        names = [(identity, digest) for identity, digest in json.loads(shard["names"].tobytes())]
        return names, shard["vectors"]


def collect(paths: Iterable[Path], wanted: Sequence[Name]) -> Floats:
    """Gather the vectors of `wanted` from all shards, in that order; (len(wanted), d) float32.

    Raises:
        JobError: a vector is missing, or shards differ in width.
    """
    rows = {name: row for row, name in enumerate(wanted)}
    found: Floats | None = None
    missing = set(rows)
    for path in sorted(paths):
        names, vectors = read_shard(path)
        if found is None:
            found = np.zeros((len(wanted), vectors.shape[1]), np.float32)
        if vectors.shape[1] != found.shape[1]:
            raise JobError(
                f"{path.name} has vectors of width {vectors.shape[1]}, others of {found.shape[1]}",
                context=f"shards in {path.parent.name}",
                remedy="ledger verify, then ledger spawn",
            )
        for name, vector in zip(names, vectors, strict=True):
            if name in missing:
                found[rows[name]] = vector
                missing.discard(name)
    if missing or found is None:
        raise _missing(missing, len(wanted))
    return found


def _missing(missing: set[Name], wanted: int) -> JobError:
    first = min(missing)[0] if missing else "any document"
    return JobError(
        f"no vector for {first}" + (f" and {len(missing) - 1} more" if len(missing) > 1 else ""),
        context=f"{wanted - len(missing):,} vectors for {wanted:,} documents, words and themes",
        remedy="run `ledger init` to plan the missing embeddings, then `ledger spawn`; "
        f'or leave it out in ledger.toml: [corpus] exclude = ["{first}"]',
    )
