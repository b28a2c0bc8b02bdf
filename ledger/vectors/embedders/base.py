"""What embedders share: texts, the protocol, how one is registered, and checking its vectors."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from ledger.errors import JobError
from ledger.project.settings import SETTINGS_FILE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ledger.errors import Problem
    from ledger.vectors.settings import EmbeddingSettings

Space = dict[str, object]


@dataclass(frozen=True, slots=True)
class Text:
    """One text to embed: `identity` names it to people, `digest` is the hash of `text`."""

    identity: str
    digest: str
    text: str


class Embedder(Protocol):
    """Turns texts into vectors that may be compared with one another."""

    @property
    def space(self) -> Space:
        """Everything that two vectors must share to be compared, as JSON-able values.

        At least embedder, model, revision, prefix and dimension (0: known only from the answers).
        It never changes during a run, and holds no secret and no path of this machine.
        """

    def check(self) -> list[Problem]:
        """Everything that can be known to be wrong before the first job, by a trial run."""

    def embed(self, texts: Sequence[Text]) -> npt.NDArray[np.float32]:
        """The vectors of `texts`, in their order.

        Returns:
            Shape (len(texts), dimension), float32, C-contiguous, not normalised.

        Raises:
            JobError: a text cannot be embedded; trying again changes nothing.
            TransientJobError: it could not be done now.
        """


@dataclass(frozen=True, slots=True)
class EmbedderType:
    """How an embedder is registered: how to make one, and which settings it understands.

    `make(root, settings)` loads no model and touches no network; `root` is the folder of the
    project. Of the settings `model`, `url`, `prefix`, `dimension`, `path` and `api_key_env`,
    `needs` are those that must be set, `takes` those that may be, and `fixed` those that have
    only one value; all others are refused.
    """

    make: Callable[[Path, EmbeddingSettings], Embedder]
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    fixed: Mapping[str, object] = field(default_factory=dict)

    def knows(self, name: str) -> bool:
        """Whether a setting means anything to it."""
        return name in self.needs or name in self.takes or name in self.fixed


def setting(name: str) -> str:
    """Where a problem with a setting of `[embedding]` lies."""
    return f"{SETTINGS_FILE} embedding.{name}"


def prompts(texts: Sequence[Text], prefix: str) -> list[str]:
    """What is really embedded: `prefix` and each text.

    Raises:
        JobError: a text is blank (its vector would be the prefix's, or none), or holds half of
            a surrogate pair, which no tokenizer and no server takes.
    """
    for text in texts:
        if not text.text.strip():
            what = f"{text.identity} has no text to embed"
            raise JobError(what, remedy=f"give it text, or {leave_out(text.identity)}")
        try:
            text.text.encode()
        except UnicodeEncodeError as error:
            what = f"the text of {text.identity} is not Unicode at character {error.start}"
            remedy = f"fix the text, or {leave_out(text.identity)}"
            raise JobError(what, remedy=remedy) from None
    return [prefix + text.text for text in texts]


def checked(
    vectors: Sequence[Any] | npt.NDArray[Any],
    texts: Sequence[Text],
    dimension: int,
    space: Mapping[str, object],
) -> npt.NDArray[np.float32]:
    """`vectors`, once they are known to be one usable vector for each of `texts`.

    Args:
        vectors: an array, or rows of numbers as a server's JSON gave them.
        texts: what the vectors belong to, in the same order.
        dimension: the width that each must have; 0: that of the first.
        space: named in the error.

    Returns:
        Shape (len(texts), dimension), float32, C-contiguous.

    Raises:
        JobError: wrong count or width, not numbers, NaN, infinite, or all zero.
    """
    context, again = describe(space), "choose another embedder or model in ledger.toml [embedding]"
    if len(vectors) != len(texts):
        what = f"{len(vectors)} vectors came back for {named(texts)}"
        raise JobError(what, context=context, remedy=again)
    rows = [_row(vector, text, context) for text, vector in zip(texts, vectors, strict=True)]
    width = dimension or (len(rows[0]) if rows else 0)
    for text, row in zip(texts, rows, strict=True):
        fault = _fault(row, width)
        if fault:
            what = f"the vector of {text.identity} {fault}"
            raise JobError(what, context=context, remedy=_vector_remedy(row, width, text.identity))
    return np.ascontiguousarray(rows, dtype=np.float32).reshape(len(texts), width)


def _row(vector: Any, text: Text, context: str) -> npt.NDArray[np.float32]:
    """One vector as float32; what is too large for it becomes infinite, and null NaN."""
    try:
        with np.errstate(over="ignore"):
            row = np.asarray(vector, dtype=np.float32)
    except (TypeError, ValueError):
        row = np.empty((), np.float32)
    if row.ndim != 1:
        what = f"the vector of {text.identity} is not a list of numbers"
        raise JobError(what, context=context, remedy="check [embedding] url and model")
    return row


def _fault(row: npt.NDArray[np.float32], width: int) -> str:
    """What is wrong with one vector, or nothing."""
    if len(row) != width:
        return f"has {len(row)} numbers, where the space has {width}"
    if not np.isfinite(row).all():
        return "holds NaN or infinity"
    return "" if row.any() else "is all zero, so it is similar to nothing"


def _vector_remedy(row: npt.NDArray[np.float32], width: int, identity: str) -> str:
    if len(row) != width:
        return f"make [embedding] dimension ({width}) and model agree"
    return f"change its text, or {leave_out(identity)}"


def describe(space: Mapping[str, object]) -> str:
    """A space in one line, for the context of an error."""
    listed = ", ".join(f"{name} {value}" for name, value in space.items() if value)
    return f"embedding space: {listed}"


def named(texts: Sequence[Text]) -> str:
    """The texts of one request, in few words."""
    if len(texts) == 1:
        return texts[0].identity
    ends = f" ({texts[0].identity} to {texts[-1].identity})" if texts else ""
    return f"{len(texts)} texts{ends}"


def leave_out(identity: str) -> str:
    """How a person keeps a document, word or theme out of the project."""
    # A document's identity has a slash, a word's or theme's has none.
    kind, _, name = ("", "", "") if "/" in identity else identity.partition(":")
    if kind == "word":
        return f"add {json.dumps(name, ensure_ascii=False)} to [words] stop_words"
    if kind == "theme":
        return f"remove {name} from [themes]"
    quoted = json.dumps(identity, ensure_ascii=False)
    return f"exclude it in {SETTINGS_FILE}: [corpus] exclude = [{quoted}]"
