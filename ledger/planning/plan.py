"""A plan: the sources of a site, the jobs that its kinds add, and the facts that workers need."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from ledger.fingerprint import fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ledger.corpus.ordered import OrderedDocument
    from ledger.corpus.words import Word
    from ledger.errors import Problem
    from ledger.project.settings import Project
    from ledger.project.templates import Templates
    from ledger.store.plan import PlannedJob

Stamp = tuple[str, int | None, int | None]
"""The name of a file, its size, and its modification time in ns."""

Stamps = dict[str, str]
"""Digest of the stamps of all files of one sort: corpus, templates, program."""

Existing = dict[str, tuple[dict[str, Any], str]]


class Known(Protocol):
    """What the ledger knows from the previous plan, and of what was built."""

    def jobs(self, kind: str) -> Existing:
        """(payload, state) of the jobs of a kind, by key."""
        ...

    def extras(self) -> Iterable[str]:
        """JSON of each document that only its kind of site reads."""
        ...

    def digests(self, kind: str) -> list[tuple[str, str | None]]:
        """(path, digest) of the outputs of a kind, by path; no digest before it is published."""
        ...


class NothingKnown:
    """The knowledge before the first plan: none."""

    def jobs(self, kind: str) -> Existing:
        """Return no jobs."""
        del kind
        return {}

    def extras(self) -> Iterable[str]:
        """Return nothing."""
        return ()

    def digests(self, kind: str) -> list[tuple[str, str | None]]:
        """None."""
        del kind
        return []


class Plan:
    """Input of the kinds' planning, and the jobs planned so far.

    A site may subclass it with what else its kinds need (`ledger.sites`). `documents` are in corpus
    order. `existing(kind)` returns (payload, state) of the jobs in the ledger, by key.
    `artefacts[kind]` is the fingerprint under which a kind that others need stores its artefacts.
    `job_bytes[kind]` estimates the bytes that a job of the kind writes, for kinds that write much:
    `spawn` checks that the disk has room. `notes` are printed by `ledger init`. `sources` are the
    stamps of all files, taken before the first was read, so that the next plan detects edits made
    meanwhile. `kinds` is the module of each kind that planned.
    """

    def __init__(self, project: Project, documents: list[OrderedDocument], known: Known) -> None:
        self.project = project
        self.settings = project.settings
        self.documents = documents
        self.existing = known.jobs
        self.artefacts: dict[str, str] = {}
        self.job_bytes: dict[str, int] = {}
        self.jobs: list[PlannedJob] = []
        self.notes: list[Problem] = []
        self.words: list[Word] = []
        self.sources: Stamps = {}
        self.kinds: dict[str, str] = {}

    @property
    def embeds(self) -> bool:
        """Whether anything of the site needs vectors."""
        return True

    @cached_property
    def templates(self) -> Templates:
        """The project's templates."""
        from ledger.project.templates import Templates  # and with it Jinja

        return Templates(self.project)

    @cached_property
    def corpus_digest(self) -> str:
        """Digest of all documents with their content, in order."""
        return fingerprint([(item.identity, item.digest) for item in self.documents])

    @cached_property
    def texts_digest(self) -> str:
        """Digest of all texts to embed, in order."""
        return fingerprint([(item.identity, item.text_digest) for item in self.documents])

    @property
    def depth(self) -> int:
        """Number of documents in a ranking: all others, unless the site overrides it."""
        return max(0, len(self.documents) - 1)

    @property
    def dated(self) -> int:
        """Number of documents with a date."""
        return sum(document.date is not None for document in self.documents)

    @cached_property
    def facts(self) -> dict[str, Any]:
        """Facts of this plan for workers and the next plan; JSON-serialisable."""
        return {
            "corpus": self.corpus_digest,
            "documents": len(self.documents),
            "dated": self.dated,
            "depth": self.depth,
            "words": [(word.text, word.count, word.size) for word in self.words],
            "artefacts": self.artefacts,
            "job_bytes": self.job_bytes,
            "kinds": self.kinds,
            "settings": self.project.settings_text,
            "sources": self.sources,
        }


def limited(value: int | str, available: int) -> int:
    """Convert a setting that is a number or "all" to a number of at most `available`."""
    return available if value == "all" else min(int(value), available)


def stamp(path: Path, root: Path) -> Stamp:
    """Name, size and modification time of a file, which show whether it was touched."""
    name = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
    try:
        facts = path.stat()
    except OSError:  # a link that is broken now is a change, which the reader reports
        return name, None, None
    return name, facts.st_size, facts.st_mtime_ns
