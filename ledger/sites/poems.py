"""The site of a corpus of poems: what its plan is made from."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from ledger.corpus import corpus_files, read_corpus
from ledger.corpus.ordered import order_documents
from ledger.corpus.words import vocabulary
from ledger.planning.plan import Plan, limited, stamp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ledger.corpus.document import Document
    from ledger.errors import Problem
    from ledger.planning.plan import Known, Stamp
    from ledger.project.load import Project
    from ledger.store.claims import Store

PAGE_TEMPLATES = frozenset({
    "home.html", "404.html", "entry.html", "similar.html", "different.html", "chronological.html",
    "chronological_index.html", "word.html", "cloud.html", "documents.html", "documents_page.html",
})  # fmt: skip
MARKUP_BYTES = 450


class PoemPlan(Plan):
    """The plan of a site of poems: with the words of its cloud."""

    def __init__(self, project: Project, documents: Sequence[Document], known: Known) -> None:
        super().__init__(project, order_documents(documents), known)
        self.words = vocabulary(documents, project.settings.words)

    @property
    def per_page(self) -> int:
        """How many documents a page lists."""
        return limited(self.settings.pages.per_page, max(1, len(self.documents)))

    @cached_property
    def entry_bytes(self) -> int:
        """About how many bytes a rendered entry has: the text and its markup, on average."""
        texts = sum(len(document.content.encode("utf-8")) for document in self.documents)
        return texts // max(1, len(self.documents)) + MARKUP_BYTES

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What the workers need to know."""
        return super().facts | {"per_page": self.per_page}


def source_stamps(project: Project) -> list[Stamp]:
    """Of the files that the corpus is read from."""
    return [stamp(path, project.root) for path in corpus_files(project.corpus_path)]


def page_templates(project: Project) -> frozenset[str]:
    """The templates that a run uses."""
    del project
    return PAGE_TEMPLATES


def preflight(project: Project) -> list[Problem]:
    """None of its own."""
    del project
    return []


def finish(project: Project, store: Store) -> str:
    """Nothing: its jobs make all of it."""
    del project, store
    return ""


def begin_plan(project: Project, known: Known) -> PoemPlan:
    """Read the corpus.

    Raises:
        BadInputError: with every problem of it.
    """
    documents = read_corpus(project.corpus_path, project.settings.corpus)
    return PoemPlan(project, documents, known)
