"""The plan of a site of poems: its documents, and the words of its cloud."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from ledger.corpus.ordered import order_documents
from ledger.corpus.words import vocabulary
from ledger.planning.plan import Plan, limited

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ledger.corpus.document import Document
    from ledger.planning.plan import Known
    from ledger.project.settings import Project

MARKUP_BYTES = 450


class PoemPlan(Plan):
    """The plan of a site of poems: with the words of its cloud."""

    def __init__(self, project: Project, documents: Sequence[Document], known: Known) -> None:
        super().__init__(project, order_documents(documents), known)
        self.words = vocabulary(documents, project.settings.words)

    @property
    def depth(self) -> int:
        """Number of documents in a ranking."""
        return limited(self.settings.pages.depth, len(self.documents) - 1)

    @property
    def per_page(self) -> int:
        """Number of documents on a page of a list."""
        return limited(self.settings.pages.per_page, max(1, len(self.documents)))

    @cached_property
    def entry_bytes(self) -> int:
        """Estimated bytes of a rendered entry: the text and its markup, on average."""
        texts = sum(len(document.content.encode("utf-8")) for document in self.documents)
        return texts // max(1, len(self.documents)) + MARKUP_BYTES

    @cached_property
    def facts(self) -> dict[str, Any]:
        """Facts of the plan for the workers."""
        return super().facts | {"per_page": self.per_page}
