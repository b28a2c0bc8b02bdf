"""front: home, the overviews, the index of documents, the word cloud, 404 and the stylesheet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ledger.fingerprint import digest_bytes, fingerprint
from ledger.jobs import Output, Planned
from worker.kinds.poems.chronological import sections
from worker.kinds.poems.entry import PALETTE
from worker.kinds.poems.urls import (
    chronological_page,
    document_links,
    documents_page,
    link,
    page_count,
    ranking_page,
    word_page,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ledger.jobs import Job
    from ledger.sites.poems.plan import PoemPlan
    from worker.context import Context

needs = ("space", "entry")
sites = ("poems",)
effects = False
VERSION = 1
EXAMPLES = 5
LAST = -1  # the priority of these pages: they appear after the pages that they link to

WAYS = (
    ("Similar", "From any text, those that stand closest to it, the nearest first."),
    ("Different", "From any text, a walk that keeps turning to what is farthest from all before."),
    ("Chronological", "All of them in the order in which they were written."),
    ("Words", "The words that run through them, each with the texts nearest to its meaning."),
    ("Documents", "The index: every text by category."),
)


def plan(plan: PoemPlan) -> Iterator[Planned]:
    """Plan a job for each of these pages."""
    output = plan.settings.site.output
    counts: dict[str, int] = {}
    for document in plan.documents:
        counts[document.category] = counts.get(document.category, 0) + 1
    common = (VERSION, plan.corpus_digest, plan.per_page, counts)
    for key, (path, template, _) in PAGES.items():
        digest = plan.templates.digest(template)
        extra = [plan.artefacts["space"], [vars_of(word) for word in plan.words]]
        yield Planned(
            key,
            fingerprint(common, digest, extra),
            (f"{output}/{path}",),
            {"categories": counts},
            priority=LAST,
        )
    style = plan.templates.read_bytes("style.css")
    yield Planned("style", fingerprint(VERSION, digest_bytes(style)), (f"{output}/style.css",))
    digest = plan.templates.digest("documents_page.html")
    for category, count in counts.items():
        pages = page_count(count, plan.per_page)
        for page in range(1, pages + 1):
            path = f"{output}/{documents_page(category, page)}"
            payload = {"category": category, "page": page, "pages": pages}
            yield Planned(f"{category}/{page:04}", fingerprint(common, digest), (path,), payload)


def vars_of(word: Any) -> tuple[str, int, int]:
    """Return a word as stored in the facts of the plan."""
    return word.text, word.count, word.size


def run(job: Job, context: Context) -> Iterable[Output]:
    """Render one page."""
    if job.key == "style":
        style = context.templates.read_bytes("style.css")
        yield Output(context.site_path("style.css"), digest_bytes(style), lambda: [style])
    elif job.key in PAGES:
        path, template, values = PAGES[job.key]
        root = "../" * path.count("/")
        yield context.page(path, template, root, **values(job, context, root))
    else:
        yield _documents_page(job, context)


def _home(job: Job, context: Context, root: str) -> dict[str, Any]:
    import numpy as np

    total, dated = context.facts["documents"], context.facts["dated"]
    theme_of = context.artefacts.array("space", "themes.npy")
    themes = list(context.settings.themes)
    counts = np.bincount(theme_of, minlength=len(themes)).tolist()
    examples = context.documents.through_time(0, total)[:: max(1, total // EXAMPLES)][:EXAMPLES]
    days = [(row.date or "")[:10] for row in context.documents.through_time(0, dated)]
    hrefs = {
        "Similar": link(ranking_page("similar", examples[0].slug), root),
        "Different": link(ranking_page("different", examples[0].slug), root),
        "Chronological": link("chronological/index.html", root),
        "Words": link("words/index.html", root),
        "Documents": link("documents/index.html", root),
    }
    return {
        "count": total,
        "categories": [
            {"name": name, "count": count, "href": link(documents_page(name, 1), root)}
            for name, count in job.payload["categories"].items()
        ],
        "from_day": days[0] if days else "",
        "to_day": days[-1] if days else "",
        "ways": [{"name": name, "href": hrefs[name], "text": text} for name, text in WAYS],
        "themes": [
            {"name": name, "index": index % PALETTE, "count": counts[index]}
            for index, name in enumerate(themes)
        ],
        "examples": [
            {"label": row.label, "href": link(ranking_page("similar", row.slug), root)}
            for row in examples
        ],
    }


def _chronology(job: Job, context: Context, root: str) -> dict[str, Any]:
    del job
    per_page = context.facts["per_page"]
    shown = []
    for name, (first, last) in sections(context.facts).items():
        rows = context.documents.through_time(first, last)
        pages = []
        for number in range(1, page_count(last - first, per_page) + 1):
            some = rows[(number - 1) * per_page : number * per_page]
            pages.append(
                {
                    "number": number,
                    "href": link(chronological_page(name, number), root),
                    "from_day": (some[0].date or "")[:10],
                    "to_day": (some[-1].date or "")[:10],
                    "count": len(some),
                }
            )
        shown.append({"name": name, "count": last - first, "pages": pages})
    return {"sections": shown}


def _documents(job: Job, context: Context, root: str) -> dict[str, Any]:
    per_page = context.facts["per_page"]
    shown = []
    for name, count in job.payload["categories"].items():
        rows = context.documents.of_category(name, 0, count)
        pages = [
            {
                "number": number,
                "href": link(documents_page(name, number), root),
                "from_label": rows[(number - 1) * per_page].label,
                "to_label": rows[min(number * per_page, count) - 1].label,
            }
            for number in range(1, page_count(count, per_page) + 1)
        ]
        shown.append({"name": name, "count": count, "pages": pages})
    return {"categories": shown}


def _documents_page(job: Job, context: Context) -> Output:
    category, page, pages = job.payload["category"], job.payload["page"], job.payload["pages"]
    per_page = context.facts["per_page"]
    rows = context.documents.of_category(category, (page - 1) * per_page, per_page)
    documents = []
    for row in rows:
        links = document_links(row.slug, row.chronology, context.facts)
        documents.append(
            {
                "label": row.label,
                "day": (row.date or "")[:10],
                "href": links["similar"],
                "different": links["different"],
                "chronological": links["chronological"],
            }
        )
    return context.page(
        documents_page(category, page),
        "documents_page.html",
        "../../",
        category=category,
        page=page,
        pages=pages,
        previous=link(documents_page(category, page - 1)) if page > 1 else None,
        next=link(documents_page(category, page + 1)) if page < pages else None,
        documents=documents,
    )


def _cloud(job: Job, context: Context, root: str) -> dict[str, Any]:
    del job
    words = context.facts["words"]
    return {
        "words": [
            {"text": text, "count": count, "size": size, "href": link(word_page(text), root)}
            for text, count, size in words
        ]
    }


def _nothing(job: Job, context: Context, root: str) -> dict[str, Any]:
    del job, context, root
    return {}


PAGES: dict[str, tuple[str, str, Callable[[Job, Context, str], dict[str, Any]]]] = {
    "home": ("index.html", "home.html", _home),
    "chronological": ("chronological/index.html", "chronological_index.html", _chronology),
    "documents": ("documents/index.html", "documents.html", _documents),
    "words": ("words/index.html", "cloud.html", _cloud),
    "404": ("404.html", "404.html", _nothing),
}
