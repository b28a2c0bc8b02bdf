"""The settings that every project has, and the frozen `Project` that carries all of them.

Sites, vectors and queues declare tables of their own: see `ledger.project.sites`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ledger.corpus.settings import CorpusSettings

SETTINGS_FILE = "ledger.toml"
STATE_FOLDER = ".ledger"

WrongValue = tuple[str, Any, str]
"""A setting such as `blog.per_page`, its value, and what to make it."""


@dataclass(frozen=True)
class FreeTable:
    """A table whose keys are the user's own, such as `[menu]`.

    `hint` is its type: `dict[str, str]`, or a dict of dicts. `description` completes
    "make it a table of …".
    """

    hint: Any
    description: str
    default: dict[str, Any] = field(default_factory=dict)


Table = type | FreeTable
"""How a table is declared: as a dataclass whose fields have defaults, or as a free one."""


@dataclass(frozen=True)
class SiteSettings:
    """`[site]`: what the pages say about themselves, and where they go."""

    kind: str = "poems"
    title: str = "Poems"
    language: str = "en"
    output: str = "site"
    url: str = ""


@dataclass(frozen=True)
class WorkerSettings:
    """`[workers]`: how long a lease lives without a heartbeat, and how often a job is tried."""

    lease_seconds: float = 30.0
    max_attempts: int = 3


@dataclass(frozen=True)
class Settings:
    """All of `ledger.toml`.

    `tables` has the values of those that the site, vectors and queues declare; each is an
    attribute, too: `settings.blog`.
    """

    site: SiteSettings = field(default_factory=SiteSettings)
    corpus: CorpusSettings = field(default_factory=CorpusSettings)
    workers: WorkerSettings = field(default_factory=WorkerSettings)
    tables: dict[str, Any] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        """The table of that name."""
        try:
            return self.__dict__["tables"][name]
        except KeyError:
            raise AttributeError(f"this project has no settings [{name}]") from None


@dataclass(frozen=True)
class Project:
    """A folder with `ledger.toml`: its settings, and where its things are."""

    root: Path
    settings: Settings
    settings_text: str = ""

    @property
    def state(self) -> Path:
        """The folder of the ledger, logs, vectors and everything else that can be rebuilt."""
        return self.root / STATE_FOLDER

    @property
    def ledger_path(self) -> Path:
        """The SQLite file."""
        return self.state / "ledger.db"

    @property
    def output(self) -> Path:
        """The folder of the site."""
        return self.root / self.settings.site.output

    @property
    def corpus_path(self) -> Path:
        """The file or folder that holds the documents."""
        return self.root / self.settings.corpus.path

    @property
    def templates(self) -> Path:
        """The project's own templates, which shadow the shipped ones file by file."""
        return self.root / "templates"
