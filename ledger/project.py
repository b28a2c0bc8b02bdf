"""ledger.toml -> one frozen Project: paths and settings, every problem reported at once."""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from ledger.failures import BadInputError, LedgerError, Problem

SETTINGS_FILE = "ledger.toml"
STATE_FOLDER = ".ledger"

# Words too common to tell one English text from another. Other languages: `max_share`
# drops what stands in too many documents, and `stop_words` adds a list of one's own.
STOP_WORDS = tuple(
    """a about above after again against all also am an and any are as at be because been before
    being below between both but by can could did do does doing down during each even every few for
    from further had has have having he her here hers herself him himself his how i if in into is it
    its itself just like made make many may me might more most much must my myself no nor not now of
    off on once one only or other our ours ourselves out over own same shall she should so some
    still such than that the their theirs them themselves then there these they this those through
    thus to too under until unto up upon us very was we were what when where which while who whom
    whose why will with without would yet you your yours yourself""".split()
)


@dataclass(frozen=True)
class SiteSettings:
    """`[site]`: what the pages say about themselves, and where they go."""

    kind: str = "poems"
    title: str = "Poems"
    language: str = "en"
    output: str = "site"


@dataclass(frozen=True)
class CorpusSettings:
    """`[corpus]`: where the documents are, and which of them to leave out."""

    path: str = "poems.json"
    exclude: tuple[str, ...] = ()
    max_document_bytes: int = 1_000_000


@dataclass(frozen=True)
class EmbeddingSettings:
    """`[embedding]`: the vector space; documents, words and themes all live in the same one."""

    embedder: str = "wordllama"
    model: str = ""
    url: str = ""
    prefix: str = ""
    dimension: int = 0
    path: str = ""
    api_key_env: str = ""
    batch: int = 256
    timeout: float = 60.0
    centre: bool = True


@dataclass(frozen=True)
class PageSettings:
    """`[pages]`: how many documents a ranking lists (0 in here means all) and a page shows."""

    depth: int | str = 200
    per_page: int | str = 200


@dataclass(frozen=True)
class WordSettings:
    """`[words]`: which words are in the cloud. `max_share` drops words in more of the corpus."""

    count: int = 150
    min_length: int = 4
    min_count: int = 2
    max_share: float = 0.25
    stop_words: tuple[str, ...] = STOP_WORDS


DEFAULT_THEMES = {
    "love": "love heart beloved tenderness desire",
    "sorrow": "sorrow grief tears mourning loss",
    "nature": "tree river mountain flower rain wind",
    "journey": "road journey travel ship distance way",
    "home": "house home bread table family child",
    "battle": "war battle sword enemy king army",
    "spirit": "god spirit prayer soul holy heaven",
    "time": "time year morning night memory age",
}


@dataclass(frozen=True)
class WorkerSettings:
    """`[workers]`: how long a lease lives without a heartbeat, and how often a job is tried."""

    lease_seconds: float = 30.0
    max_attempts: int = 3


@dataclass(frozen=True)
class Settings:
    """All of `ledger.toml`."""

    site: SiteSettings = field(default_factory=SiteSettings)
    corpus: CorpusSettings = field(default_factory=CorpusSettings)
    embedding: EmbeddingSettings = field(default_factory=EmbeddingSettings)
    pages: PageSettings = field(default_factory=PageSettings)
    words: WordSettings = field(default_factory=WordSettings)
    workers: WorkerSettings = field(default_factory=WorkerSettings)
    themes: dict[str, str] = field(default_factory=lambda: dict(DEFAULT_THEMES))


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


def find_root(start: Path) -> Path:
    """The nearest folder at or above `start` that has a `ledger.toml`.

    Raises:
        LedgerError: there is none.
    """
    start = start.resolve()
    for folder in (start, *start.parents):
        if (folder / SETTINGS_FILE).is_file():
            return folder
    raise LedgerError(
        f"no {SETTINGS_FILE} in {start} or any folder above it",
        remedy="run `ledger init` there to begin, or point at a project with -C DIR",
    )


def load_project(root: Path) -> Project:
    """Read `root/ledger.toml`.

    Raises:
        BadInputError: with every problem of the file.
    """
    path = root / SETTINGS_FILE
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BadInputError(
            [Problem(SETTINGS_FILE, f"is not UTF-8 (byte {error.start})", "save it as UTF-8")]
        ) from error
    return parse_project(root, text)


def parse_project(root: Path, text: str) -> Project:
    """The project that `text`, as the contents of `root/ledger.toml`, describes.

    Raises:
        BadInputError: with every problem of the text.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problem = Problem(SETTINGS_FILE, f"is not TOML: {error}", "mend the line it names")
        raise BadInputError([problem]) from error
    problems: list[Problem] = []
    settings = _section(Settings, table, "", problems)
    problems += _check_values(settings, root) if not problems else []
    if problems:
        raise BadInputError(problems)
    return Project(root, settings, text)


def _section(cls: type, table: dict[str, Any], prefix: str, problems: list[Problem]) -> Any:
    """Build the dataclass `cls` from a TOML table, noting what does not fit."""
    hints = get_type_hints(cls)
    values: dict[str, Any] = {}
    for key, value in table.items():
        name = f"{prefix}{key}"
        if key not in hints:
            problems.append(_unknown(name, key, list(hints)))
        elif hasattr(hints[key], "__dataclass_fields__"):
            if isinstance(value, dict):
                values[key] = _section(hints[key], value, f"{name}.", problems)
            else:
                problems.append(_wrong(name, value, f"a table, [{name}]"))
        elif _fits(value, hints[key]):
            values[key] = tuple(value) if isinstance(value, list) else value
        else:
            problems.append(_wrong(name, value, _describe(hints[key])))
    return cls(**values)


def _fits(value: Any, hint: Any) -> bool:
    if get_origin(hint) is tuple:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if get_origin(hint) is dict:
        return isinstance(value, dict) and all(isinstance(item, str) for item in value.values())
    kinds = get_args(hint) or (hint,)
    if isinstance(value, bool):
        return bool in kinds
    return isinstance(value, (*kinds, int) if float in kinds else kinds)


def _describe(hint: Any) -> str:
    names = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
    if get_origin(hint) is tuple:
        return "a list of texts"
    if get_origin(hint) is dict:
        return 'a table of texts, such as love = "love heart"'
    return " or ".join(names[kind] for kind in get_args(hint) or (hint,))


def _wrong(name: str, value: object, wanted: str) -> Problem:
    return Problem(f"{SETTINGS_FILE} {name}", f"is {value!r}", f"make it {wanted}")


def _unknown(name: str, key: str, known: list[str]) -> Problem:
    close = difflib.get_close_matches(key, known, n=1)
    remedy = f"did you mean {close[0]}?" if close else f"known here: {', '.join(known)}"
    return Problem(f"{SETTINGS_FILE} {name}", "is not a setting", remedy)


def _check_values(settings: Settings, root: Path) -> list[Problem]:
    """The rules that types alone do not say."""
    problems = [
        _wrong(f"{section}.{name}", getattr(getattr(settings, section), name), "1 or more")
        for section, name in (
            ("corpus", "max_document_bytes"),
            ("embedding", "batch"),
            ("words", "min_length"),
            ("words", "min_count"),
            ("workers", "max_attempts"),
        )
        if getattr(getattr(settings, section), name) < 1
    ]
    for name in ("depth", "per_page"):
        value = getattr(settings.pages, name)
        if value != "all" and (not isinstance(value, int) or value < 1):
            problems.append(_wrong(f"pages.{name}", value, '1 or more, or "all"'))
    if settings.words.count < 0:
        problems.append(_wrong("words.count", settings.words.count, "0 or more"))
    if not 0 < settings.words.max_share <= 1:
        problems.append(_wrong("words.max_share", settings.words.max_share, "between 0 and 1"))
    if settings.workers.lease_seconds < 1:
        problems.append(
            _wrong("workers.lease_seconds", settings.workers.lease_seconds, "1 or more")
        )
    if settings.embedding.timeout <= 0:
        problems.append(_wrong("embedding.timeout", settings.embedding.timeout, "more than 0"))
    if not settings.themes:
        problems.append(_wrong("themes", {}, "at least one theme"))
    problems += _check_output(settings.site.output, root)
    return problems


def _check_output(output: str, root: Path) -> list[Problem]:
    """The output folder is below the project and is not one that holds something else."""
    where, root = f"{SETTINGS_FILE} site.output", root.resolve()
    folder = (root / output).resolve()
    if folder == root or root not in folder.parents:
        return [Problem(where, f"{output!r} is not a folder inside the project", 'say "site"')]
    first = folder.relative_to(root).parts[0]
    if first in (STATE_FOLDER, "templates", ".git"):
        return [
            Problem(where, f"{output!r} lies in {first}/, which holds other things", 'say "site"')
        ]
    return []


def setting_names() -> dict[str, list[str]]:
    """Every setting by section, for the documentation and its test."""
    hints = get_type_hints(Settings)
    return {
        section.name: [item.name for item in fields(hints[section.name])]
        for section in fields(Settings)
        if section.name != "themes"
    }
