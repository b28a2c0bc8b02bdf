"""embed: raw vectors of documents, words and themes, one job per batch; kept while valid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ledger.errors import JobError
from ledger.fingerprint import fingerprint
from ledger.jobs import Output, Planned
from ledger.project.load import STATE_FOLDER
from ledger.vectors.embedders import Text, make_embedder
from ledger.vectors.shards import Name, shard_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ledger.jobs import Job
    from ledger.planning.plan import Plan
    from worker.context import Context

needs: tuple[str, ...] = ()
sites = ("poems", "blog")
effects = True
VERSION = 1


def word_identity(word: str) -> str:
    """Return the identity of a word; it has no slash, so no document has the same one."""
    return f"word:{word}"


def theme_identity(theme: str) -> str:
    """Return the identity of a theme."""
    return f"theme:{theme}"


def extra_texts(plan: Plan) -> list[Text]:
    """Return the words and themes, which share the space of the documents."""
    texts = [(word_identity(word.text), word.text) for word in plan.words]
    texts += [(theme_identity(name), text) for name, text in plan.settings.themes.items()]
    return [Text(identity, fingerprint(text), text) for identity, text in texts]


def plan(plan: Plan) -> Iterator[Planned]:
    """Plan the done jobs that still hold a needed vector, then jobs for texts without one."""
    if not plan.embeds:
        return
    embedder = make_embedder(plan.project.root, plan.settings.embedding)
    space = fingerprint(VERSION, embedder.space)
    plan.artefacts["embed"] = space
    names: dict[Name, None] = {(item.identity, item.text_digest): None for item in plan.documents}
    names |= {(text.identity, text.digest): None for text in extra_texts(plan)}
    missing = dict(names)
    for key, (payload, state) in plan.existing("embed").items():
        held = [(identity, digest) for identity, digest in payload["texts"]]
        if key.startswith(space) and state == "done" and any(name in missing for name in held):
            yield _job(space, held)
            for name in held:
                missing.pop(name, None)
    waiting = list(missing)
    size = plan.settings.embedding.batch
    for first in range(0, len(waiting), size):
        yield _job(space, waiting[first : first + size])


def _job(space: str, names: list[Name]) -> Planned:
    batch = fingerprint(names)
    return Planned(
        key=f"{space}/{batch[:16]}",
        fingerprint=fingerprint(space, batch),
        outputs=(f"{STATE_FOLDER}/vectors/{space}/{batch[:16]}.npz",),
        payload={"texts": names},
    )


def run(job: Job, context: Context) -> Iterable[Output]:
    """Embed one batch."""
    names = [(identity, digest) for identity, digest in job.payload["texts"]]
    space, _, batch = job.key.partition("/")

    def body() -> list[bytes]:
        texts = [
            Text(identity, digest, _text(context, identity, digest)) for identity, digest in names
        ]
        return [shard_bytes(names, context.embedder.embed(texts))]

    yield Output(f"{STATE_FOLDER}/vectors/{space}/{batch}.npz", job.fingerprint, body)


def _text(context: Context, identity: str, digest: str) -> str:
    if identity.startswith("word:") and "/" not in identity:
        return identity.removeprefix("word:")
    if identity.startswith("theme:") and "/" not in identity:
        return str(context.settings.themes[identity.removeprefix("theme:")])
    document: Any = context.document(identity)
    if document.text_digest != digest:
        raise JobError(
            f"{identity} is not the text that was planned", remedy="run `ledger init` to plan again"
        )
    return str(document.text)
