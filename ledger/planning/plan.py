"""What a site is made of + settings -> the jobs that there should be, and what the workers need to know."""

from __future__ import annotations

import gc
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Protocol

from ledger import __version__
from ledger.errors import BadInputError, Problem
from ledger.fingerprint import fingerprint
from ledger.planning.kinds import kind_files, kind_modules, kinds_of_site, phases
from ledger.planning.sites import load_site
from ledger.project.load import STATE_FOLDER
from ledger.resources import resource
from ledger.store.plan import PlannedJob

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ledger.corpus.ordered import OrderedDocument
    from ledger.corpus.words import Word
    from ledger.project.load import Project
    from ledger.project.templates import Templates

Stamp = tuple[str, int | None, int | None]
"""The name of a file, its size, and when it was changed, in ns."""

Existing = dict[str, tuple[dict[str, Any], str]]


class Known(Protocol):
    """What the ledger knows from the plan before this one."""

    def jobs(self, kind: str) -> Existing:
        """(payload, state) of the jobs of a kind, by key."""
        ...

    def extras(self) -> Iterable[str]:
        """What the kind of site alone knows of each document, as it planned it."""
        ...


class NothingKnown:
    """Before the first plan."""

    def jobs(self, kind: str) -> Existing:
        """None."""
        del kind
        return {}

    def extras(self) -> Iterable[str]:
        """None."""
        return ()


class Plan:
    """What kinds plan from, and what they have planned so far.

    Each site has its own, with what its kinds need besides (`ledger.sites`).
    `documents` are in corpus order. `existing(kind)` gives (payload, state) of the jobs that the
    ledger has, by key. `artefacts[kind]` is the fingerprint under which a kind that is needed by
    others stores what it makes. `job_bytes[kind]` is how many bytes a job of the kind will about
    write, for those that write much: `spawn` looks first whether the disk has room. `notes` are
    told to whoever plans. `sources` are the stamps of all files, taken before the first was read:
    what is edited meanwhile is noticed by the next plan. `embeds` is false if nothing of the site needs vectors.
    """

    embeds = True

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

    @cached_property
    def templates(self) -> Templates:
        """The project's templates."""
        from ledger.project.templates import Templates  # and with it Jinja

        return Templates(self.project)

    @cached_property
    def corpus_digest(self) -> str:
        """Of all documents, in order, with everything they say."""
        return fingerprint([(item.identity, item.digest) for item in self.documents])

    @cached_property
    def texts_digest(self) -> str:
        """Of all texts to embed, in order."""
        return fingerprint([(item.identity, item.text_digest) for item in self.documents])

    @property
    def depth(self) -> int:
        """How many documents a ranking lists."""
        return limited(self.settings.pages.depth, len(self.documents) - 1)

    @property
    def dated(self) -> int:
        """How many documents have a date."""
        return sum(document.date is not None for document in self.documents)

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What the workers need to know of the plan, and the next plan of this one; JSON-able."""
        return {
            "corpus": self.corpus_digest,
            "documents": len(self.documents),
            "dated": self.dated,
            "depth": self.depth,
            "words": [(word.text, word.count, word.size) for word in self.words],
            "artefacts": self.artefacts,
            "job_bytes": self.job_bytes,
            "kinds": kind_modules(self.settings.site.kind),
            "settings": self.project.settings_text,
            "sources": self.sources,
        }


def limited(value: int | str, available: int) -> int:
    """A setting that is a number or "all", as a number that is not more than there are."""
    return available if value == "all" else min(int(value), available)


Stamps = dict[str, str]


def source_stamps(project: Project) -> Stamps:
    """Digest of (name, size, modification time in ns) of all files that the plan is made from.

    Cheap to take: `init` need not plan again what was not touched, and `spawn` can tell that
    something was edited after it was planned.
    """
    own = sorted(path for path in project.templates.rglob("*") if path.is_file())
    shipped = sorted(path for path in resource("templates").rglob("*.*") if path.is_file())
    return {
        "corpus": fingerprint(list(load_site(project.settings.site.kind).source_stamps(project))),
        "templates": fingerprint([stamp(path, project.root) for path in own]),
        "program": fingerprint(
            [__version__, *(stamp(path, path.parent) for path in [*shipped, *kind_files()])]
        ),
    }


def stamp(path: Path, root: Path) -> Stamp:
    """What tells whether a file was touched."""
    name = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
    try:
        facts = path.stat()
    except (
        OSError
    ):  # a link that leads nowhere by now: that is a change, and the reader's to report
        return name, None, None
    return name, facts.st_size, facts.st_mtime_ns


def is_planned(project: Project, facts: dict[str, Any], sources: Stamps) -> bool:
    """Whether the plan that wrote `facts` was made from just what is there now."""
    return facts.get("settings") == project.settings_text and facts.get("sources") == sources


def make_plan(project: Project, known: Known, sources: Stamps | None = None) -> Plan:
    """Read what the site is made of and let every kind of it plan its jobs.

    `sources` are the stamps of its files, if they were taken already.

    Raises:
        BadInputError: with every problem of corpus and plan.
    """
    gc.disable()  # a plan is a million objects that all stay, and that would be looked through again and again
    try:
        return _make_plan(project, known, sources or source_stamps(project))
    finally:
        gc.enable()


def _make_plan(project: Project, known: Known, sources: Stamps) -> Plan:
    kinds = kinds_of_site(project.settings.site.kind)
    phase_of = phases(kinds)
    plan = load_site(project.settings.site.kind).begin_plan(project, known)
    plan.sources = sources
    for name, kind in kinds.items():
        for planned in kind.plan(plan):
            plan.jobs.append(PlannedJob(name, phase_of[name], planned))
    problems = [*_shared_keys(plan.jobs), *_shared_outputs(plan.jobs), *_stray_outputs(plan)]
    if problems:
        raise BadInputError(problems)
    return plan


def _shared_keys(jobs: Iterable[PlannedJob]) -> list[Problem]:
    seen: set[tuple[str, str]] = set()
    problems = []
    for job in jobs:
        if job.name in seen:
            problems.append(
                Problem("/".join(job.name), "is planned twice", f"mend the kind {job.kind!r}")
            )
        seen.add(job.name)
    return problems


def _stray_outputs(plan: Plan) -> list[Problem]:
    """Outputs that are not below the output or the state folder, which are all we ever touch."""
    output = PurePosixPath(plan.settings.site.output).as_posix()
    homes = (f"{output}/", f"{STATE_FOLDER}/")
    return [
        Problem(path, f"is outside of {homes[0]}", f"mend the kind {job.kind!r}")
        for job in plan.jobs
        for path in job.planned.outputs
        if not path.startswith(homes) or (".." in path and ".." in path.split("/"))
    ]


def _shared_outputs(jobs: Iterable[PlannedJob]) -> list[Problem]:
    """Two jobs with one output path, also where a filesystem ignores case: both are named."""
    owners: dict[str, tuple[str, str]] = {}
    problems = []
    for job in jobs:
        for path in job.planned.outputs:
            owner = owners.setdefault(path.casefold(), job.name)
            if owner != job.name:
                problems.append(
                    Problem(
                        path,
                        f"would be written by both {'/'.join(owner)} and {'/'.join(job.name)}",
                        "rename one of the two documents, or exclude one in [corpus] exclude",
                    )
                )
    return problems


def snapshot(plan: Plan) -> dict[str, Any]:
    """The arguments of `catalogue.replan` for this plan."""
    return {
        "jobs": plan.jobs,
        "documents": plan.documents,
        "facts": plan.facts,
        "notes": plan.notes,
        "max_attempts": plan.settings.workers.max_attempts,
    }
