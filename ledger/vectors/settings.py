"""The settings of vectors: `[embedding]`, `[themes]`, and their rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ledger.project.settings import FreeTable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ledger.project.settings import Settings, Table, WrongValue


@dataclass(frozen=True)
class EmbeddingSettings:
    """`[embedding]`: the vector space; documents, words and themes all live in the same one."""

    embedder: str = "wordllama"
    model: str = ""
    url: str = ""
    prefix: str = ""
    dimension: int = 0
    path: str = ""
    api_key_env: str = ""
    batch: int = 256
    timeout: float = 60.0
    centre: bool = True


DEFAULT_THEMES = {
    "love": "love heart beloved tenderness desire",
    "sorrow": "sorrow grief tears mourning loss",
    "nature": "tree river mountain flower rain wind",
    "journey": "road journey travel ship distance way",
    "home": "house home bread table family child",
    "battle": "war battle sword enemy king army",
    "spirit": "god spirit prayer soul holy heaven",
    "time": "time year morning night memory age",
}

# The kinds that make vectors (`embed`, `space`) read both, so each site that uses them has both.
TABLES: Mapping[str, Table] = {
    "embedding": EmbeddingSettings,
    "themes": FreeTable(dict[str, str], 'texts, such as love = "love heart"', DEFAULT_THEMES),
}


def check(settings: Settings) -> Iterator[WrongValue]:
    """Yield the values that are of the right type and still wrong."""
    embedding: EmbeddingSettings = settings.embedding
    if embedding.batch < 1:
        yield "embedding.batch", embedding.batch, "1 or more"
    if embedding.timeout <= 0:
        yield "embedding.timeout", embedding.timeout, "more than 0"
    if embedding.dimension < 0:
        yield "embedding.dimension", embedding.dimension, "0 or more"
    if not settings.themes:
        yield "themes", {}, "at least one theme"
