"""space: the centred unit vectors of all documents and words, and each document's theme."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.fingerprint import fingerprint
from ledger.jobs import Output, Planned
from ledger.project.load import STATE_FOLDER
from ledger.vectors.shards import collect
from worker.artefacts import array_bytes, artefact_path
from worker.kinds.vectors.embed import extra_texts, theme_identity, word_identity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy as np
    import numpy.typing as npt

    from ledger.jobs import Job
    from ledger.planning.plan import Plan
    from worker.context import Context

needs = ("embed",)
sites = ("poems", "blog")
effects = False
VERSION = 2
NAMES = ("vectors.npy", "words.npy", "themes.npy")


def plan(plan: Plan) -> Iterator[Planned]:
    """Plan one job for the whole corpus."""
    if not plan.embeds:
        return
    extra = [(text.identity, text.digest) for text in extra_texts(plan)]
    centre = plan.settings.embedding.centre
    inputs = fingerprint(VERSION, plan.artefacts["embed"], centre, plan.texts_digest, extra)
    plan.artefacts["space"] = inputs
    yield Planned(
        key="all",
        fingerprint=inputs,
        outputs=tuple(artefact_path("space", inputs, name) for name in NAMES),
        payload={"centre": centre, "digests": dict(extra)},
    )


def run(job: Job, context: Context) -> Iterable[Output]:
    """Collect the vectors by identity and digest, and project them into the common space."""
    from ledger.vectors.space import Space, centre_sample, nearest_theme

    digests = job.payload["digests"]
    words = [word_identity(text) for text, _, _ in context.facts["words"]]
    themes = [theme_identity(name) for name in context.settings.themes]
    shards = context.state_path(f"{STATE_FOLDER}/vectors/{context.facts['artefacts']['embed']}")
    documents = context.documents.identities()
    extra = [(identity, digests[identity]) for identity in [*words, *themes]]
    raw = collect(shards.glob("*.npz"), [*documents, *extra])
    space = Space(raw[centre_sample(documents)], centre=job.payload["centre"])
    projected = space.project(raw)
    vectors, others = projected[: len(documents)], projected[len(documents) :]
    yield _output(job, "vectors.npy", vectors)
    yield _output(job, "words.npy", others[: len(words)])
    yield _output(job, "themes.npy", nearest_theme(vectors, others[len(words) :]))


def _output(job: Job, name: str, array: npt.NDArray[np.generic]) -> Output:
    path = artefact_path("space", job.fingerprint, name)
    return Output(path, job.fingerprint, lambda: [array_bytes(array)])
