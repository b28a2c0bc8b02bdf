"""What a job may use: the plan's facts, documents, templates, artefacts, embedder, its queue.

Kinds read everything through `Context` and know nothing of SQLite.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from ledger.errors import JobError
from ledger.fingerprint import fingerprint
from ledger.jobs import Chunk, Output
from ledger.store.plan import Documents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from ledger.corpus.ordered import OrderedDocument
    from ledger.jobs import AttemptRecord, Job
    from ledger.process.logs import WorkerLog
    from ledger.project.load import Project
    from ledger.project.templates import Templates
    from ledger.store.store import Store
    from ledger.vectors.embedders import Embedder
    from worker.artefacts import Artefacts, Entries

T = TypeVar("T")

# Placeholder of the entries while the page around them is rendered. No text contains it: the
# corpus readers refuse NUL.
ENTRIES_PLACEHOLDER = "\0entries\0"

# Entries are rendered once for all pages that list them, so these all lie equally deep.
ENTRIES_ROOT = "../../"


def way_to_root(path: str) -> str:
    """The relative way from the page at `path` to the top of the site."""
    return "../" * path.count("/")


class JobQueue(NamedTuple):
    """What a kind may know of the queue of its job; `recipe` is JSON."""

    name: str
    kind: str
    recipe: str
    policy: str


class Neighbour(NamedTuple):
    """The document just before or after another in time."""

    label: str
    slug: str


class Context:
    """One worker's view of the project; everything heavy is opened when it is first used.

    `record` is that of the attempt in flight, if its job belongs to a queue: kinds write to it.
    `scratch` is a folder that no other worker uses.
    """

    def __init__(
        self,
        project: Project,
        facts: dict[str, Any],
        store: Store,
        log: WorkerLog,
        scratch: Path,
    ) -> None:
        self.project = project
        self.log = log
        self.settings = project.settings
        self.facts = facts
        self.documents = Documents(store)
        self.record: AttemptRecord | None = None
        self.scratch = scratch
        self._store = store
        self._kept: dict[str, Any] = {}

    def queue(self, job: Job) -> JobQueue | None:
        """Return the queue of a job as it is now; None if the job has none."""
        row = self._store.eligibility.queue(job.phase)
        if row is None:
            return None
        return JobQueue(row.name, row.kind, row.recipe, row.policy)

    def policy(self, job: Job) -> str | None:
        """Return what the queue of a job does about effects in doubt; None if it has no queue."""
        queue = self.queue(job)
        return None if queue is None else queue.policy

    def result(self, job: Job) -> Any:
        """Return the result of a job of a queue from an earlier run with the same inputs, or None."""
        return self._store.result(job.id)

    def neighbours(self, document: OrderedDocument) -> tuple[Neighbour | None, Neighbour | None]:
        """Return the documents just before and just after this one in time."""
        around = self.documents.neighbours(document.chronology)
        older, newer = (
            Neighbour(row.label, row.slug) if row is not None else None
            for row in map(around.get, (document.chronology - 1, document.chronology + 1))
        )
        return older, newer

    @cached_property
    def artefacts(self) -> Artefacts:
        """The artefacts of the kinds that this one needs."""
        from worker.artefacts import Artefacts

        return Artefacts(self.project.root, self.facts["artefacts"])

    @cached_property
    def templates(self) -> Templates:
        """The project's templates."""
        from ledger.project.templates import Templates

        return Templates(self.project)

    @cached_property
    def entries(self) -> Entries:
        """The rendered entries of all documents."""
        from worker.artefacts import Entries

        return Entries(self.artefacts, self.facts["documents"])

    @cached_property
    def embedder(self) -> Embedder:
        """The embedder of `[embedding]`."""
        from ledger.vectors.embedders import make_embedder

        return make_embedder(self.project.root, self.settings.embedding)

    def kept(self, name: str, make: Callable[[Context], T]) -> T:
        """Return what kinds keep in this worker under a name; made when first used."""
        if name not in self._kept:
            self._kept[name] = make(self)
        kept: T = self._kept[name]
        return kept

    def document(self, identity: str) -> OrderedDocument:
        """The document of that identity.

        Raises:
            JobError: the plan has none.
        """
        document = self.documents.get(identity)
        if document is None:
            raise JobError(
                f"the plan has no document {identity}", remedy="run `ledger init` to plan again"
            )
        return document

    def state_path(self, relative: str) -> Path:
        """A project-relative path as a full one."""
        return self.project.root / relative

    def site_path(self, page: str) -> str:
        """The project-relative path of a page."""
        return f"{self.settings.site.output}/{page}"

    def page(self, path: str, template: str, root: str | None = None, **values: Any) -> Output:
        """A page that its template renders whole. `values` must be JSON-able.

        `root` is the relative way from the page to the top of the site; it follows from `path`.
        """
        root = way_to_root(path) if root is None else root

        def body() -> Iterable[bytes]:
            return [self.templates.render(template, root=root, **values).encode("utf-8")]

        inputs = fingerprint(self.templates.digest(template), root, values)
        return Output(self.site_path(path), inputs, body)

    def listing(
        self,
        path: str,
        template: str,
        positions: Sequence[int],
        own: int | None = None,
        **values: Any,
    ) -> Output:
        """A page that lists the entries at `positions`.

        The template is rendered around a placeholder for `{{ entries }}`; the entries
        themselves go from their memory map to the file without passing through it. `own` is
        the position of the document that the page is about, given as `{{ entry }}`.

        Raises:
            JobError: the page is not two folders deep, as the links in every entry suppose.
        """
        from markupsafe import Markup

        root = way_to_root(path)
        if root != ENTRIES_ROOT:
            raise JobError(
                f"{path} cannot list entries: their links start with {ENTRIES_ROOT}, "
                f"and from this page the top of the site is {root or './'}",
                context=f"template {template}",
                remedy="put the page two folders deep, as in lists/first/index.html",
            )

        def body() -> Iterable[Chunk]:
            shown = dict(values, entries=Markup(ENTRIES_PLACEHOLDER))  # noqa: S704  our own constant
            if own is not None:
                entry = str(self.entries.chunks([own])[0], "utf-8")
                shown["entry"] = Markup(entry)  # noqa: S704  made by the kind `entry`, escaped there
            text = self.templates.render(template, root=root, **shown)
            parts = text.split(ENTRIES_PLACEHOLDER)
            if len(parts) != 2:
                raise JobError(
                    f"{template} shows {{{{ entries }}}} {len(parts) - 1} times",
                    context=f"page {path}",
                    remedy="put {{ entries }} into the template exactly once",
                )
            head, tail = parts
            return [head.encode("utf-8"), *self.entries.chunks(positions), tail.encode("utf-8")]

        listed = self.entries.digest([*positions, own] if own is not None else positions)
        inputs = fingerprint(self.templates.digest(template), values, listed)
        return Output(self.site_path(path), inputs, body)
