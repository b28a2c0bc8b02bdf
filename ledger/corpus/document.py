"""One document of a corpus, and the corpus as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from ledger.fingerprint import fingerprint

if TYPE_CHECKING:
    from datetime import datetime

LABEL_LENGTH = 60


@dataclass(frozen=True)
class Document:
    """A text whose identity does not depend on its position in the corpus.

    `date` is the date in the source, or None for an undated document; it is never guessed.
    """

    category: str
    id: str
    content: str
    title: str = ""
    date: datetime | None = None
    source: str = ""
    author: str = ""

    @property
    def identity(self) -> str:
        """Return `category/id`, unique in a corpus."""
        return f"{self.category}/{self.id}"

    @property
    def text(self) -> str:
        """Return the text to embed: the title, if there is one, and the content."""
        return "\n".join(part for part in (self.title, self.content) if part.strip())

    @cached_property
    def text_digest(self) -> str:
        """Digest of `text`; identity and text digest together are the key of a vector."""
        return fingerprint(self.text)

    @cached_property
    def digest(self) -> str:
        """Digest of all fields of the document."""
        date = self.date.isoformat() if self.date else None
        return fingerprint(self.identity, self.title, self.content, date, self.source, self.author)

    @property
    def label(self) -> str:
        """Return a short name for links: the title, the source, or the first words."""
        text = " ".join((self.title or self.source or self.content).split())
        if len(text) <= LABEL_LENGTH:
            return text
        return text[:LABEL_LENGTH].rsplit(" ", 1)[0].rstrip(" ,;:.") + "…"
