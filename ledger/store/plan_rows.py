"""The shapes of the rows that hold a plan: jobs, outputs and documents (see ledger/store/rows.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ledger.jobs import State


class PlannedJobRow(NamedTuple):
    """A job of the site as it was planned last."""

    id: int
    kind: str
    key: str
    phase: int
    priority: int
    position: int | None
    fingerprint: str
    payload: str
    max_attempts: int


class JobOfKindRow(NamedTuple):
    """A job of a kind, its payload as JSON."""

    key: str
    payload: str
    state: State


class PlannedOutputRow(NamedTuple):
    """An output of the site, and its owner."""

    path: str
    job: int


class DocumentPlaceRow(NamedTuple):
    """The place of a document, and the digest that shows whether it has changed."""

    identity: str
    digest: str
    position: int
    chronology: int
    slug: str


class NeighbourRow(NamedTuple):
    """A document just before or after another in time."""

    chronology: int
    label: str
    slug: str


class ListedDocument(NamedTuple):
    """A document as lists of documents show it."""

    position: int
    identity: str
    label: str
    slug: str
    category: str
    date: str | None
    chronology: int


class IdentityRow(NamedTuple):
    """A document and the digest of its text."""

    identity: str
    text_digest: str
