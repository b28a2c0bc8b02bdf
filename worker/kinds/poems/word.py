"""word: the pages of the documents nearest to each word of the cloud."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ledger.fingerprint import fingerprint
from ledger.jobs import Planned
from worker.kinds.poems.urls import link, page_count, word_page

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ledger.jobs import Job, Output
    from ledger.sites.poems.plan import PoemPlan
    from worker.context import Context

needs = ("space", "entry")
sites = ("poems",)
effects = False
VERSION = 1


def plan(plan: PoemPlan) -> Iterator[Planned]:
    """Plan a job for every word; it owns all pages of the word."""
    inputs = fingerprint(
        VERSION, plan.artefacts["space"], plan.artefacts["entry"], plan.depth, plan.per_page,
        plan.templates.digest("word.html"),
    )  # fmt: skip
    pages = range(1, page_count(plan.depth, plan.per_page) + 1)
    words = [word.text for word in plan.words]
    for index, word in enumerate(words):
        paths = tuple(f"{plan.settings.site.output}/{word_page(word, page)}" for page in pages)
        around = words[max(0, index - 1) : index + 2]
        payload = {"index": index}
        yield Planned(word, fingerprint(inputs, around, plan.words[index].count), paths, payload)


def run(job: Job, context: Context) -> Iterable[Output]:
    """Render the pages of one word."""
    import numpy as np

    from ledger.vectors.rank import nearest

    index, words = job.payload["index"], context.facts["words"]
    vectors = context.artefacts.array("space", "vectors.npy")
    word_vector = context.artefacts.array("space", "words.npy")[index]
    ranked = nearest(np.asarray(vectors @ word_vector), context.facts["depth"]).tolist()
    per_page = context.facts["per_page"]
    pages = page_count(len(ranked), per_page)
    for page in range(1, pages + 1):
        first = (page - 1) * per_page
        yield context.listing(
            word_page(job.key, page),
            "word.html",
            ranked[first : first + per_page],
            word={"text": job.key, "count": words[index][1]},
            total=len(ranked),
            first=first + 1,
            page=page,
            pages=pages,
            previous=link(word_page(job.key, page - 1)) if page > 1 else None,
            next=link(word_page(job.key, page + 1)) if page < pages else None,
            before=_neighbour(words, index - 1),
            after=_neighbour(words, index + 1),
        )


def _neighbour(words: list[Any], index: int) -> dict[str, str] | None:
    if not 0 <= index < len(words):
        return None
    return {"label": words[index][0], "href": link(word_page(words[index][0]))}
