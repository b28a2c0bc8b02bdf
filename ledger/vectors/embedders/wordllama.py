"""The default embedder: the mean of static word vectors, instantly, with nothing to download."""

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

    Its own loader looks for the tokenizer in a folder that the wheel does not have, and then
    on the network. The matrix is memory-mapped, so that all workers share one copy.
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
        """See `Embedder.embed`; the whole text counts, however long it is."""
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
    """Write the mean of the rows `ids` of `matrix`, repeats counted, to `out`.

    One text at a time and each row once: the same bytes whatever else is in the batch, and
    32 MB at most for a text of any length. Rows are added in their order and not by BLAS,
    whose sums differ from one processor to the next.
    """
    rows, counts = np.unique(np.asarray(ids, np.intp), return_counts=True)
    weighted = matrix[rows].astype(np.float32)
    weighted *= counts.astype(np.float32)[:, None]
    np.divide(weighted.sum(axis=0), np.float32(len(ids)), out=out)


def open_matrix(path: Path) -> npt.NDArray[np.float16]:
    """Memory-map the one matrix of a safetensors file.

    The format: 8 bytes little-endian length, a JSON header of that length, the data.

    Returns:
        Shape (32000, 256), float16, read-only.

    Raises:
        JobError: it is not such a file, or holds another matrix.
    """
    wanted = {"dtype": "F16", "shape": list(SHAPE), "data_offsets": [0, SHAPE[0] * SHAPE[1] * 2]}
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            # A damaged length must not make us read the whole file as a header.
            found = json.loads(file.read(min(length, 10_000)))["embedding.weight"]
        if found != wanted:
            raise JobError(f"{path.name} holds {found}, not {wanted}", remedy=REMEDY)
        # As a plain array: indexing a memmap object takes longer, and gives memmap objects.
        return np.asarray(np.memmap(path, np.dtype("<f2"), "r", offset=8 + length, shape=SHAPE))
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise JobError(f"{path.name} is damaged: {error!r}", remedy=REMEDY) from error


EMBEDDER = EmbedderType(
    lambda _, settings: WordLlama(settings),
    takes=("prefix",),
    fixed={"model": MODEL, "dimension": SHAPE[1]},
)
