"""A document with its position in the corpus, its chronological rank and its path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ledger.corpus.dates import sort_key
from ledger.corpus.slugs import slug

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from ledger.corpus.document import Document


@dataclass(frozen=True, slots=True)
class OrderedDocument:
    """A document as stored in the ledger.

    `position` is its index in corpus order and breaks ties; `chronology` is its rank by date,
    oldest first, undated documents last. Neither identifies a document: `identity` does.
    `slug` is `category/id` as a safe path. `extra` is JSON that only its kind of site reads.
    """

    identity: str
    position: int
    chronology: int
    category: str
    id: str
    slug: str
    label: str
    title: str
    author: str
    source: str
    date: str | None
    content: str
    digest: str
    text_digest: str
    extra: str = "{}"

    @property
    def day(self) -> str:
        """Return the date without the time, or ""."""
        return (self.date or "")[:10]

    @property
    def text(self) -> str:
        """Return the text to embed; the same as `Document.text`."""
        return "\n".join(part for part in (self.title, self.content) if part.strip())

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> OrderedDocument:
        """Build a document from its row in the ledger."""
        return cls(**dict(row))


def order_documents(documents: Sequence[Document]) -> list[OrderedDocument]:
    """Assign positions and chronological ranks; the result is in corpus order."""
    dated = [index for index, document in enumerate(documents) if document.date]
    undated = [index for index, document in enumerate(documents) if not document.date]
    dated.sort(key=lambda index: (sort_key(documents[index].date), index))  # type: ignore[arg-type]
    chronology = {index: rank for rank, index in enumerate(dated + undated)}
    return [
        OrderedDocument(
            identity=document.identity,
            position=index,
            chronology=chronology[index],
            category=document.category,
            id=document.id,
            slug=f"{slug(document.category)}/{slug(document.id)}",
            label=document.label,
            title=document.title,
            author=document.author,
            source=document.source,
            date=_html_date(document.date),
            content=document.content,
            digest=document.digest,
            text_digest=document.text_digest,
        )
        for index, document in enumerate(documents)
    ]


def _html_date(date: datetime | None) -> str | None:
    """Format a date for HTML, which allows at most three decimals of a second."""
    if date is None:
        return None
    return date.isoformat(timespec="milliseconds" if date.microsecond else "seconds")
