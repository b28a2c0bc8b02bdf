"""The user's own vectors: a .npy file and, next to it, the identities of its rows."""

from __future__ import annotations

import json
from collections import Counter
from functools import cached_property
from itertools import compress
from typing import TYPE_CHECKING

import numpy as np

from ledger.errors import JobError, Problem
from ledger.fingerprint import digest_bytes
from ledger.vectors.embedders.base import EmbedderType, checked, describe, setting

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from ledger.vectors.embedders.base import Space, Text
    from ledger.vectors.settings import EmbeddingSettings

    Floats = npt.NDArray[np.floating]

BLOCK = 4_096
"""Rows that `check` reads at a time: 12 MB for 768 float32 numbers per row."""


class OwnVectors:
    """Vectors looked up by identity, never by position.

    `FILE.npy` has shape (n, d) and any float dtype; `FILE.ids.txt` has n lines, or
    `FILE.ids.json` a list of n texts: the identities of the rows, such as `law/1`,
    `word:river` or `theme:love`.
    """

    def __init__(self, root: Path, settings: EmbeddingSettings) -> None:
        self._path = root / settings.path
        self._dimension = settings.dimension

    @cached_property
    def space(self) -> Space:
        """See `Embedder.space`; the revision is a digest of both files."""
        try:
            revision = digest_bytes(np.memmap(self._path, np.uint8, "r").data)
            revision = digest_bytes(f"{revision}\n{json.dumps(self._ids)}".encode())
            dimension = int(self._matrix.shape[1])
        except (JobError, OSError, ValueError):
            revision, dimension = "", 0  # `check` and `embed` report the cause
        return {
            "embedder": "npy",
            "model": self._path.name,
            "revision": revision,
            "prefix": "",
            "dimension": dimension,
        }

    def check(self) -> list[Problem]:
        """See `Embedder.check`; reads every number once."""
        try:
            matrix, ids = self._matrix, self._ids
        except JobError as error:
            return [Problem(setting("path"), error.what, error.remedy)]
        return [
            Problem(setting("path"), what, remedy)
            for what, remedy in (*self._shape_problems(matrix, ids), *_row_problems(matrix, ids))
        ]

    def embed(self, texts: Sequence[Text]) -> npt.NDArray[np.float32]:
        """See `Embedder.embed`; the texts themselves are not used."""
        matrix, rows = self._matrix, self._rows
        missing = [text.identity for text in texts if text.identity not in rows]
        if missing:
            more = f", nor for {len(missing) - 1} others" if missing[1:] else ""
            raise JobError(
                f"{self._path.name} has no vector for {missing[0]}{more}",
                context=f"{len(rows)} identities; {describe(self.space)}",
                remedy=f"add a row to {self._path.name} and its identity to {self._ids_name} for "
                "every document, every word (word:river) and every theme (theme:love)",
            )
        found = matrix[[rows[text.identity] for text in texts]]
        return checked(found, texts, self._dimension or matrix.shape[1], self.space)

    @cached_property
    def _matrix(self) -> Floats:
        """The file, memory-mapped: shape (n, d), any float dtype."""
        try:
            matrix = np.lib.format.open_memmap(self._path, "r")
        except FileNotFoundError:
            what = f"{self._path.name} does not exist"
            raise JobError(what, remedy="write it with numpy.save, or fix path") from None
        except (OSError, ValueError) as error:
            what = f"{self._path.name} is not an array that numpy can map: {error}"
            raise JobError(what, remedy="write it with numpy.save") from None
        if matrix.ndim != 2 or not np.issubdtype(matrix.dtype, np.floating):
            what = f"{self._path.name} holds {matrix.dtype} of shape {matrix.shape}"
            raise JobError(what, remedy="save floats of shape (identities, dimension)")
        return matrix

    @cached_property
    def _ids(self) -> list[str]:
        """The identity of each row."""
        beside = [self._path.with_suffix(end) for end in (".ids.txt", ".ids.json")]
        files = [path for path in beside if path.is_file()]
        if len(files) != 1:
            names = f"{beside[0].name} or {beside[1].name}"
            what = f"beside {self._path.name} there must be {names}; there are {len(files)}"
            raise JobError(what, remedy="keep one, with the identity of every row")
        return _read_ids(files[0])

    @property
    def _ids_name(self) -> str:
        return f"{self._path.stem}.ids"

    @cached_property
    def _rows(self) -> dict[str, int]:
        """Map from identity to row.

        Raises:
            JobError: an identity is ambiguous or has no row.
        """
        problems = list(self._shape_problems(self._matrix, self._ids))
        if problems:
            what, remedy = problems[0]
            raise JobError(what, remedy=remedy)
        return {identity: row for row, identity in enumerate(self._ids)}

    def _shape_problems(self, matrix: Floats, ids: list[str]) -> Iterator[tuple[str, str]]:
        """Yield (problem, remedy) for all that can be checked without reading the numbers."""
        if len(ids) != len(matrix):
            what = f"{self._path.name} has {len(matrix)} rows, {self._ids_name} {len(ids)}"
            yield what, "write both again, together"
        if self._dimension and matrix.shape[1] != self._dimension:
            what = f"{self._path.name} has {matrix.shape[1]} numbers a row, not {self._dimension}"
            yield what, f"set dimension = {matrix.shape[1]}, or remove it"
        twice = [identity for identity, count in Counter(ids).items() if count > 1]
        if twice:
            what = f"{_few(twice)} more than once in {self._ids_name}"
            yield what, "keep one row for each identity"


def _row_problems(matrix: Floats, ids: list[str]) -> Iterator[tuple[str, str]]:
    """Yield (problem, remedy) for rows that cannot be compared with others."""
    broken: list[str] = []
    zero: list[str] = []
    for start in range(0, len(ids), BLOCK):
        block, here = matrix[start : start + BLOCK], ids[start : start + BLOCK]
        broken += compress(here, ~np.all(np.isfinite(block), axis=1))
        zero += compress(here, ~np.any(block, axis=1))
    for fault, identities in (("holds NaN or infinity", broken), ("is all zero", zero)):
        if identities:
            yield f"the vector of {_few(identities)} {fault}", "compute these vectors again"


def _read_ids(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix == ".txt":
            return text.removesuffix("\n").split("\n")
        ids = json.loads(text)
    except ValueError as error:  # not UTF-8, or not JSON
        raise JobError(f"{path.name}: {error}", remedy="save it as UTF-8") from None
    if isinstance(ids, list) and all(isinstance(identity, str) for identity in ids):
        return ids
    raise JobError(f"{path.name} is not a JSON list of texts", remedy='make it ["law/1", …]')


def _few(identities: list[str]) -> str:
    """Format the first three, and the number of others."""
    more = f" and {len(identities) - 3} more" if len(identities) > 3 else ""
    return ", ".join(identities[:3]) + more


EMBEDDER = EmbedderType(OwnVectors, needs=("path",), takes=("dimension",))
