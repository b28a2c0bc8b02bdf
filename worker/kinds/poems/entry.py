"""entry: every document rendered once with entry.html, one job per block of documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ledger.errors import JobError
from ledger.fingerprint import digest_bytes, fingerprint
from ledger.jobs import Output, Planned
from worker.artefacts import Entries, array_bytes, artefact_path, blocks
from worker.kinds.poems.urls import document_links

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ledger.corpus.ordered import OrderedDocument
    from ledger.jobs import Job
    from ledger.sites.poems.plan import PoemPlan
    from worker.context import Context

needs = ("space",)
sites = ("poems",)
effects = False
VERSION = 1
PALETTE = 12


def plan(plan: PoemPlan) -> Iterator[Planned]:
    """Plan a job for every block of documents."""
    inputs = fingerprint(
        VERSION, plan.corpus_digest, plan.artefacts["space"], plan.per_page, Entries.BLOCK,
        list(plan.settings.themes), plan.templates.digest("entry.html"),
    )  # fmt: skip
    plan.artefacts["entry"] = inputs
    for number, first, last in blocks(len(plan.documents), Entries.BLOCK):
        paths = tuple(
            artefact_path("entry", inputs, f"{number:05}{end}") for end in (".html", ".npy")
        )
        yield Planned(f"{number:05}", inputs, paths, {"first": first, "last": last})


def run(job: Job, context: Context) -> Iterable[Output]:
    """Render one block and its index."""
    documents = context.documents.between(job.payload["first"], job.payload["last"])
    rendered = [_render(context, document) for document in documents]
    index = np.zeros(len(rendered), Entries.INDEX)
    index["end"] = np.cumsum([len(entry) for entry in rendered])
    index["digest"] = [_halves(entry) for entry in rendered]
    path = artefact_path("entry", job.fingerprint, job.key)
    yield Output(f"{path}.html", job.fingerprint, lambda: rendered)
    yield Output(f"{path}.npy", job.fingerprint, lambda: [array_bytes(index)])


def _halves(entry: bytes) -> tuple[int, int]:
    digest = digest_bytes(entry)
    return int(digest[:16], 16), int(digest[16:], 16)


def _render(context: Context, document: OrderedDocument) -> bytes:
    try:
        text = context.templates.render(
            "entry.html", document=view(context, document), root="../../"
        )
    except Exception as error:
        raise JobError(
            f"entry.html raised {type(error).__name__} on {document.identity}: {error}",
            context=f"templates/entry.html, document {document.identity}",
            remedy="fix the template, or leave the document out in ledger.toml: "
            f'[corpus] exclude = ["{document.identity}"]',
        ) from error
    return text.encode("utf-8")


def view(context: Context, document: OrderedDocument) -> dict[str, Any]:
    """Return a document as templates see it."""
    theme = int(context.artefacts.array("space", "themes.npy")[document.position])
    return {
        "identity": document.identity,
        "category": document.category,
        "id": document.id,
        "label": document.label,
        "title": document.title,
        "author": document.author,
        "source": document.source,
        "content": document.content,
        "date": document.date or "",
        "day": document.day,
        "anchor": document.slug,
        "theme": {"name": list(context.settings.themes)[theme], "index": theme % PALETTE},
        "links": document_links(document.slug, document.chronology, context.facts),
    }
