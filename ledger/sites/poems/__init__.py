"""The site of a corpus of poems, or of any other texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.planning.sites import Site
from ledger.sites.poems.settings import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ledger.planning.plan import Known, Stamp
    from ledger.project.settings import Project, Settings, WrongValue
    from ledger.project.starter import Files
    from ledger.sites.poems.plan import PoemPlan

PAGE_TEMPLATES = frozenset({
    "home.html", "404.html", "entry.html", "similar.html", "different.html", "chronological.html",
    "chronological_index.html", "word.html", "cloud.html", "documents.html", "documents_page.html",
})  # fmt: skip


class Poems(Site):
    """A site of a corpus: rankings for each document, its words, its order in time."""

    tables = TABLES

    def check(self, settings: Settings) -> Iterable[WrongValue]:
        """Rules of the tables of its settings."""
        from ledger.sites.poems.settings import check

        return check(settings)

    def new_files(self, root: Path, source: Path | None, title: str) -> Files:
        """Return the files of a project with an existing corpus, or with the starter."""
        from ledger.sites.poems import new

        return new.new_files(root, source, title)

    def source_stamps(self, project: Project) -> Iterable[Stamp]:
        """Stamps of the files that the corpus is read from."""
        from ledger.corpus import corpus_files
        from ledger.planning.plan import stamp

        return [stamp(path, project.root) for path in corpus_files(project.corpus_path)]

    def page_templates(self, project: Project) -> frozenset[str]:
        """Names of the templates that a run uses."""
        del project
        return PAGE_TEMPLATES

    def begin_plan(self, project: Project, known: Known) -> PoemPlan:
        """Read the corpus.

        Raises:
            BadInputError: with every problem of it.
        """
        from ledger.corpus import read_corpus
        from ledger.sites.poems.plan import PoemPlan

        documents = read_corpus(project.corpus_path, project.settings.corpus)
        return PoemPlan(project, documents, known)
