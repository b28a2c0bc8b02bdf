"""Artefacts: arrays that one kind makes for others, memory-mapped and shared by all workers.

The path of an artefact contains the fingerprint of its inputs, so a reader can never open one
that belongs to another corpus, space or depth.
"""

from __future__ import annotations

import io
import mmap
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ledger.errors import JobError
from ledger.fingerprint import digest_bytes
from ledger.jobs import Output
from ledger.project.load import STATE_FOLDER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from ledger.jobs import Job

    Array = npt.NDArray[Any]


def artefact_path(kind: str, fingerprint: str, name: str) -> str:
    """Return the project-relative path of an artefact of `kind` with this fingerprint."""
    return f"{STATE_FOLDER}/artefacts/{kind}/{fingerprint}/{name}"


def blocks(total: int, size: int) -> Iterator[tuple[int, int, int]]:
    """Yield (number, first, last) of each block of `size` rows; row `last` is excluded."""
    for number, first in enumerate(range(0, total, size)):
        yield number, first, min(first + size, total)


def array_bytes(array: Array) -> bytes:
    """Serialise an array as a .npy file."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def block_output(kind: str, job: Job, body: Callable[[], Iterable[bytes]]) -> Output:
    """Return the only output of a job that makes a block of `kind`; its key is the block number."""
    return Output(artefact_path(kind, job.fingerprint, f"{job.key}.npy"), job.fingerprint, body)


class Artefacts:
    """Read access to the artefacts of the current plan, whose `fingerprints` are given by kind."""

    def __init__(self, root: Path, fingerprints: dict[str, str]) -> None:
        self._root = root
        self._fingerprints = fingerprints
        self._open: dict[tuple[str, str], Any] = {}

    def array(self, kind: str, name: str) -> Array:
        """Return a memory-mapped array, opened once per process."""
        key = (kind, name)
        if key not in self._open:
            mapped = np.load(self._existing(kind, name), mmap_mode="r", allow_pickle=False)
            # a plain view of the map: indexing an np.memmap takes ten times as long
            self._open[key] = np.asarray(mapped)
        array: Array = self._open[key]
        return array

    def block(self, kind: str, number: int) -> Array:
        """Return block `number` of an artefact that is stored in blocks."""
        return self.array(kind, f"{number:05}.npy")

    def bytes(self, kind: str, name: str) -> mmap.mmap:
        """Return a memory-mapped file, opened once per process."""
        key = (kind, name)
        if key not in self._open:
            with self._existing(kind, name).open("rb") as file:
                self._open[key] = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        mapped: mmap.mmap = self._open[key]
        return mapped

    def _existing(self, kind: str, name: str) -> Path:
        path = self._root / artefact_path(kind, self._fingerprints[kind], name)
        if not path.is_file():
            raise JobError(
                f"{path.relative_to(self._root)} is missing",
                context=f"made by the jobs of kind {kind!r}, which are done according to the ledger",
                remedy="ledger verify, then ledger spawn",
            )
        return path


class Entries:
    """The rendered entry of every document, as slices of memory-mapped files.

    An entry is rendered once, by the kind `entry`, and copied as bytes into every page that
    lists it: 19 times as fast as rendering it again, and byte-identical.
    """

    BLOCK = 256
    INDEX = np.dtype([("end", "<i8"), ("digest", "<u8", (2,))])

    def __init__(self, artefacts: Artefacts, total: int) -> None:
        self._artefacts = artefacts
        self._indices = [
            self._index(number, last - first) for number, first, last in blocks(total, self.BLOCK)
        ]
        self._digests = np.concatenate([index["digest"] for index in self._indices])

    def chunks(self, positions: Iterable[int]) -> list[memoryview]:
        """Return the entries of the documents at `positions`: UTF-8 HTML, without a copy."""
        views = self._views
        return [views[position] for position in positions]

    def digest(self, positions: Sequence[int] | Array) -> str:
        """Return a digest of these entries in this order."""
        return digest_bytes(self._digests[np.asarray(positions, dtype=np.int64)].tobytes())

    @cached_property
    def _views(self) -> list[memoryview]:
        """A view of every entry: 200 bytes of memory each; the entries are not copied."""
        views = []
        for number, index in enumerate(self._indices):
            blob = memoryview(self._artefacts.bytes("entry", f"{number:05}.html"))
            ends: list[int] = index["end"].tolist()
            views += [blob[start:end] for start, end in zip([0, *ends], ends, strict=False)]
        return views

    def _index(self, number: int, expected: int) -> Array:
        index = self._artefacts.array("entry", f"{number:05}.npy")
        if index.shape != (expected,):
            raise JobError(
                f"entry block {number} has {index.shape[0]} entries, not {expected}",
                remedy="ledger verify, then ledger spawn",
            )
        return index
