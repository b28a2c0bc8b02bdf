"""What a kind of site declares before anything is planned: its settings, its starter."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from ledger.errors import BadInputError
from ledger.process.registry import Registry
from ledger.project.settings import SETTINGS_FILE
from ledger.project.starter import Files, plain_settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from ledger.errors import Problem
    from ledger.project.settings import Settings, Table, WrongValue

DEFAULT = "poems"
SITES = Registry(
    "ledger.sites",
    "kind of site",
    {
        "poems": "ledger.sites.poems:Poems",
        "blog": "ledger.sites.blog:BlogSite",
        "bulk": "ledger.sites.queues_only:QueuesOnly",
    },
)


class ProjectSite:
    """Base of every kind of site, as far as `ledger.toml` and `ledger init` need it.

    `tables` declares its tables of `ledger.toml` by name.
    """

    tables: Mapping[str, Table] = MappingProxyType({})

    def __init__(self, name: str) -> None:
        """`name` is the one under which it is registered: `[site] kind`."""
        self.name = name

    def check(self, settings: Settings) -> Iterable[WrongValue | Problem]:
        """Yield the values of its tables that are of the right type and still wrong."""
        del settings
        return ()

    def recognises(self, root: Path, source: Path | None) -> bool:
        """Whether `root`, or the corpus `source` that the user named, looks like such a site."""
        del root, source
        return False

    def new_files(self, root: Path, source: Path | None, title: str) -> Files:
        """The files of a new project at `root`, `ledger.toml` among them.

        Raises:
            LedgerError: it is unclear what to make it from.
        """
        return {SETTINGS_FILE: plain_settings(self.name, root, source, title)}


def project_site(name: str) -> ProjectSite:
    """The kind of site of that name.

    A site that only page kinds name in their `sites` is made from a corpus, as poems are.

    Raises:
        BadInputError: its package is broken.
    """
    known = name if SITES.knows(name) else DEFAULT
    site = SITES.load(known)
    if isinstance(site, type) and issubclass(site, ProjectSite):
        return site(name)
    what = f"is {site!r:.80}, not a subclass of ledger.planning.sites.Site"
    raise BadInputError([SITES.problem(known, what)])
