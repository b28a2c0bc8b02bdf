"""Rankings: their blocks, for the kinds that compute them, and the pages that show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ledger.fingerprint import fingerprint
from ledger.jobs import Planned
from worker.artefacts import artefact_path, blocks
from worker.kinds.poems.entry import view
from worker.kinds.poems.urls import link, page_count, ranking_page

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ledger.corpus.ordered import OrderedDocument
    from ledger.jobs import Job, Output
    from ledger.planning.plan import Plan
    from ledger.sites.poems.plan import PoemPlan
    from worker.context import Context, Neighbour

VERSION = 1
OTHER = {"similar": "different", "different": "similar"}


def plan_blocks(plan: Plan, kind: str, over: str, version: int, block: int) -> Iterator[Planned]:
    """Plan a job of `kind` for every block of documents, to rank by the artefact of kind `over`.

    If a deeper ranking by the same artefact is stored already, its depth is kept: a smaller
    depth only shows less of it, and a larger one ranks again.
    """
    space = plan.artefacts[over]
    stored = [
        payload["depth"]
        for payload, state in plan.existing(kind).values()
        if state == "done" and payload.get("space") == space
    ]
    depth = max([plan.depth, *stored])
    inputs = plan.artefacts[kind] = fingerprint(version, space, depth, block)
    for number, first, last in blocks(len(plan.documents), block):
        path = artefact_path(kind, inputs, f"{number:05}.npy")
        payload = {"first": first, "last": last, "depth": depth, "space": space}
        yield Planned(f"{number:05}", inputs, (path,), payload, position=first)


def plan_rankings(plan: PoemPlan, kind: str, ranking: str) -> Iterator[Planned]:
    """Plan a job for every document; it owns all pages of the document's ranking."""
    inputs = fingerprint(
        VERSION, plan.artefacts[ranking], plan.artefacts["entry"], plan.depth, plan.per_page,
        plan.templates.digest(f"{kind}.html"),
    )  # fmt: skip
    output = plan.settings.site.output
    pages = range(1, page_count(plan.depth, plan.per_page) + 1)
    plan.job_bytes[kind] = plan.depth * plan.entry_bytes
    for document in plan.documents:
        paths = tuple(f"{output}/{ranking_page(kind, document.slug, page)}" for page in pages)
        yield Planned(document.identity, inputs, paths, position=document.position)


def ranking_pages(
    job: Job, context: Context, kind: str, ranking: str, block: int
) -> Iterator[Output]:
    """Render the pages of one document's ranking; stored blocks rank `block` documents each."""
    document = context.document(job.key)
    rows = context.artefacts.block(ranking, document.position // block)
    ranked: list[int] = rows[document.position % block][: context.facts["depth"]].tolist()
    per_page = context.facts["per_page"]
    pages = page_count(len(ranked), per_page)
    about = _about(context, kind, document)
    for page in range(1, pages + 1):
        first = (page - 1) * per_page
        yield context.listing(
            ranking_page(kind, document.slug, page),
            f"{kind}.html",
            ranked[first : first + per_page],
            own=document.position,
            total=len(ranked),
            first=first + 1,
            page=page,
            pages=pages,
            previous=_page_link(kind, document, page - 1, pages),
            next=_page_link(kind, document, page + 1, pages),
            **about,
        )


def _about(context: Context, kind: str, document: OrderedDocument) -> dict[str, Any]:
    """What all pages of one ranking say of their document."""
    older, newer = context.neighbours(document)
    return {
        "document": view(context, document),
        "older": _neighbour(kind, older),
        "newer": _neighbour(kind, newer),
        "other": link(ranking_page(OTHER[kind], document.slug)),
    }


def _neighbour(kind: str, document: Neighbour | None) -> dict[str, str] | None:
    if document is None:
        return None
    return {"label": document.label, "href": link(ranking_page(kind, document.slug))}


def _page_link(kind: str, document: OrderedDocument, page: int, pages: int) -> str | None:
    return link(ranking_page(kind, document.slug, page)) if 1 <= page <= pages else None
