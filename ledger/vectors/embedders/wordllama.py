"""The default embedder: the mean of static word vectors; fast, and without a download."""

from __future__ import annotations

import json
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ledger.errors import JobError
from ledger.vectors.embedders.base import EmbedderType, checked, prompts
from ledger.vectors.embedders.packages import file_in, tokenizers_library, trial, version_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from ledger.errors import Problem
    from ledger.vectors.embedders.base import Space, Text
    from ledger.vectors.settings import EmbeddingSettings

MODEL = "l2_supercat_256"
SHAPE = (32_000, 256)
REMEDY = "pip install --force-reinstall 'wordllama>=0.4.0'"


class WordLlama:
    """The matrix and the tokenizer of the `wordllama` wheel, read without importing it.

    The loader of the package looks for the tokenizer in a folder that is not in the wheel, and
    then on the network. The matrix is memory-mapped, so that all workers share one copy.
    """

    def __init__(self, settings: EmbeddingSettings) -> None:
        self._prefix = settings.prefix

    @cached_property
    def space(self) -> Space:
        """See `Embedder.space`; the revision is the version of the wheel."""
        return {
            "embedder": "wordllama",
            "model": MODEL,
            "revision": version_of("wordllama"),
            "prefix": self._prefix,
            "dimension": SHAPE[1],
        }

    def check(self) -> list[Problem]:
        """See `Embedder.check`."""
        return trial(self)

    def embed(self, texts: Sequence[Text]) -> npt.NDArray[np.float32]:
        """See `Embedder.embed`; the whole text counts, whatever its length."""
        encodings = self._tokenizer.encode_batch_fast(
            prompts(texts, self._prefix), add_special_tokens=False
        )
        vectors = np.empty((len(texts), SHAPE[1]), np.float32)
        for vector, encoding in zip(vectors, encodings, strict=True):
            _mean(self._matrix, encoding.ids, vector)
        return checked(vectors, texts, SHAPE[1], self.space)

    @cached_property
    def _matrix(self) -> npt.NDArray[np.float16]:
        return open_matrix(file_in("wordllama", f"weights/{MODEL}.safetensors", REMEDY))

    @cached_property
    def _tokenizer(self) -> Any:
        path = file_in("wordllama", "tokenizers/l2_supercat_tokenizer_config.json", REMEDY)
        tokenizer = tokenizers_library().Tokenizer.from_file(str(path))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer


def _mean(matrix: npt.NDArray[np.float16], ids: list[int], out: npt.NDArray[np.float32]) -> None:
    """Write the mean of the rows `ids` of `matrix` to `out`, counting repeated ids.

    Shapes: `matrix` (v, d), `out` (d,). One text at a time, with each distinct row read once:
    the result does not depend on the batch, and a text of any length needs at most 32 MB.
    Rows are added in a fixed order and not by BLAS, whose sums differ between CPUs.
    """
    rows, counts = np.unique(np.asarray(ids, np.intp), return_counts=True)
    weighted = matrix[rows].astype(np.float32)
    weighted *= counts.astype(np.float32)[:, None]
    np.divide(weighted.sum(axis=0), np.float32(len(ids)), out=out)


def open_matrix(path: Path) -> npt.NDArray[np.float16]:
    """Memory-map the only matrix of a safetensors file.

    Format: a little-endian length of 8 bytes, a JSON header of that length, the data.

    Returns:
        Shape (32000, 256), float16, read-only.

    Raises:
        JobError: it is not such a file, or contains another matrix.
    """
    wanted = {"dtype": "F16", "shape": list(SHAPE), "data_offsets": [0, SHAPE[0] * SHAPE[1] * 2]}
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            # A corrupted length must not cause the whole file to be read as a header.
            found = json.loads(file.read(min(length, 10_000)))["embedding.weight"]
        if found != wanted:
            raise JobError(f"{path.name} holds {found}, not {wanted}", remedy=REMEDY)
        # As a plain array: indexing a memmap is slower, and returns memmap objects.
        return np.asarray(np.memmap(path, np.dtype("<f2"), "r", offset=8 + length, shape=SHAPE))
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise JobError(f"{path.name} is damaged: {error!r}", remedy=REMEDY) from error


EMBEDDER = EmbedderType(
    lambda _, settings: WordLlama(settings),
    takes=("prefix",),
    fixed={"model": MODEL, "dimension": SHAPE[1]},
)
