"""What a job may use: the plan's facts, documents, templates, artefacts and embedder."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

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
    from ledger.store.claims import Store
    from ledger.store.connection import Row, Statements
    from ledger.vectors.embedders import Embedder
    from worker.artefacts import Artefacts, Entries

T = TypeVar("T")

# Stands where the entries go while the page around them is rendered. No text can have it:
# the corpus readers refuse NUL.
ENTRIES_PLACEHOLDER = "\0entries\0"

# Entries are rendered once for all pages that list them, so these all lie equally deep.
ENTRIES_ROOT = "../../"


def way_to_root(path: str) -> str:
    """The relative way from the page at `path` to the top of the site."""
    return "../" * path.count("/")


class Context:
    """One worker's view of the project; everything heavy is opened when it is first used.

    `record` is that of the job in hand, if it is one of a queue; `scratch` is a folder that is
    this worker's own.
    """

    def __init__(
        self, project: Project, facts: dict[str, Any], database: Statements, log: WorkerLog
    ) -> None:
        self.project = project
        self.log = log
        self.settings = project.settings
        self.facts = facts
        self.documents = Documents(database)
        self.record: AttemptRecord | None = None
        self.scratch = project.state / "scratch" / "0"
        self.store: Store | None = None
        self._kept: dict[str, Any] = {}

    def queue(self, job: Job) -> Row | None:
        """The queue of a job as it is now."""
        return None if self.store is None else self.store.queue(job.phase)

    @cached_property
    def artefacts(self) -> Artefacts:
        """What the kinds before this one made."""
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
        """What a kind, or several together, keep as long as this worker lives; made when first used."""
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
