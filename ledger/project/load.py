"""ledger.toml -> one frozen Project: paths and settings, every problem reported at once."""

from __future__ import annotations

import difflib
import math
import os
import re
import unicodedata
from dataclasses import dataclass, field, fields
from pathlib import Path, PurePosixPath
from typing import Any, get_args, get_origin, get_type_hints

from ledger.corpus.slugs import DEVICES
from ledger.corpus.tables import parse_toml
from ledger.errors import BadInputError, LedgerError, Problem

SETTINGS_FILE = "ledger.toml"
STATE_FOLDER = ".ledger"
MAX_SETTINGS_BYTES = 300_000
MAX_FOLDER_BYTES = 255
MAX_PRICE = 1_000_000

SHOWN_CHARACTERS = 60
MAX_GUESSES = 100

_LANGUAGE = re.compile("(?:[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)?")
_UNPORTABLE = frozenset('\\:*?"<>|')

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


LISTS = ("index", "sections", "tags", "categories", "authors", "years", "months", "days")
FEEDS = ("atom", "rss", "json")


@dataclass(frozen=True)
class SiteSettings:
    """`[site]`: what the pages say about themselves, and where they go."""

    kind: str = "poems"
    title: str = "Poems"
    language: str = "en"
    output: str = "site"
    url: str = ""


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
class BlogSettings:
    """`[blog]`: how a blog's posts are read, where they are, and in which lists they stand."""

    languages: tuple[str, ...] = ()
    permalink: str = "/{year}/{month}/{day}/{slug}/"
    timezone: str = "UTC"
    drafts: bool = False
    fallback: bool = False
    lists: tuple[str, ...] = LISTS
    per_page: int = 10
    feeds: tuple[str, ...] = FEEDS
    feed_posts: int = 20
    feed_terms: bool = True
    related: int = 0
    typographer: bool = False
    highlight: bool = True
    raw_html: str = "safe"
    broken_links: str = "report"
    macros: str = "none"
    macro_seconds: float = 5.0
    search: bool = False
    static: str = "static"
    hash_assets: bool = False


@dataclass(frozen=True)
class WorkerSettings:
    """`[workers]`: how long a lease lives without a heartbeat, and how often a job is tried."""

    lease_seconds: float = 30.0
    max_attempts: int = 3


@dataclass(frozen=True)
class LlmSettings:
    """`[llm]`: the server for queues of kind llm, and where its key is."""

    url: str = "https://api.openai.com/v1"
    model: str = ""
    api_key_env: str = "OPENAI_API_KEY"
    api_key_file: str = ""
    max_tokens: int = 1024
    timeout: float = 120.0


@dataclass(frozen=True)
class Settings:
    """All of `ledger.toml`."""

    site: SiteSettings = field(default_factory=SiteSettings)
    corpus: CorpusSettings = field(default_factory=CorpusSettings)
    embedding: EmbeddingSettings = field(default_factory=EmbeddingSettings)
    pages: PageSettings = field(default_factory=PageSettings)
    words: WordSettings = field(default_factory=WordSettings)
    workers: WorkerSettings = field(default_factory=WorkerSettings)
    blog: BlogSettings = field(default_factory=BlogSettings)
    llm: LlmSettings = field(default_factory=LlmSettings)
    prices: dict[str, dict[str, float]] = field(default_factory=dict)
    menu: dict[str, str] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
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
        with path.open("rb") as file:
            data = file.read(MAX_SETTINGS_BYTES + 1)
        _refuse_excess(len(data))
        text = data.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise BadInputError(
            [Problem(SETTINGS_FILE, f"is not UTF-8 (byte {error.start})", "save it as UTF-8")]
        ) from error
    except OSError as error:
        problem = Problem(SETTINGS_FILE, f"cannot be read: {error.strerror}", "make it readable")
        raise BadInputError([problem]) from error
    return parse_project(root, text)


def parse_project(root: Path, text: str) -> Project:
    """The project that `text`, as the contents of `root/ledger.toml`, describes.

    Raises:
        BadInputError: with every problem of the text.
    """
    _refuse_excess(len(text))
    try:
        table = parse_toml(text)
    except ValueError as error:
        problem = Problem(SETTINGS_FILE, f"is not TOML: {error}", "mend the line it names")
        raise BadInputError([problem]) from error
    problems: list[Problem] = []
    settings = _section(Settings, table, "", problems)
    problems += _check_values(settings, root) if not problems else []
    if problems:
        raise BadInputError(problems)
    return Project(root, settings, text)


def _refuse_excess(size: int) -> None:
    """More than a person writes takes long to read, and is somebody's trick or mistake."""
    if size > MAX_SETTINGS_BYTES:
        what = f"has more than {MAX_SETTINGS_BYTES:,} bytes"
        raise BadInputError([Problem(SETTINGS_FILE, what, "keep only settings there")])


def _section(cls: type, table: dict[str, Any], prefix: str, problems: list[Problem]) -> Any:
    """Build the dataclass `cls` from a TOML table, noting what does not fit."""
    hints = get_type_hints(cls)
    values: dict[str, Any] = {}
    for key, value in table.items():
        name = f"{prefix}{key}"
        if key not in hints:
            problems.append(_unknown(name, key, list(hints), guess=len(problems) < MAX_GUESSES))
        elif hasattr(hints[key], "__dataclass_fields__"):
            if isinstance(value, dict):
                values[key] = _section(hints[key], value, f"{name}.", problems)
            else:
                problems.append(_wrong(name, value, f"a table, [{name}]"))
        elif not _fits(value, hints[key]):
            problems.append(_wrong(name, value, _describe(hints[key])))
        elif problem := _problem(value):
            problems.append(Problem(f"{SETTINGS_FILE} {name}", *problem))
        else:
            values[key] = tuple(value) if isinstance(value, list) else value
    return cls(**values)


def _problem(value: Any) -> tuple[str, str] | None:
    """What no setting may be, and the remedy: a number or a text that nothing can hold."""
    if isinstance(value, dict):
        return _problem([*value, *value.values()])
    if isinstance(value, list):
        return next(filter(None, map(_problem, value)), None)
    if isinstance(value, float) and not math.isfinite(value):
        return f"is {value}", "make it a number"
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return "is a number of more than 64 bits", "make it a smaller one"
    if isinstance(value, str) and not value.isprintable():
        from ledger.corpus.records import forbidden

        return forbidden(value)
    return None


def _fits(value: Any, hint: Any) -> bool:
    if get_origin(hint) is tuple:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if get_origin(hint) is dict:
        inner = get_args(hint)[1]
        return isinstance(value, dict) and all(_fits(item, inner) for item in value.values())
    kinds = get_args(hint) or (hint,)
    if isinstance(value, bool):
        return bool in kinds
    return isinstance(value, (*kinds, int) if float in kinds else kinds)


def _describe(hint: Any) -> str:
    names = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
    if get_origin(hint) is tuple:
        return "a list of texts"
    if get_origin(hint) is dict and get_args(hint)[1] is not str:
        return "a table of prices, such as some-model = { input = 0.15, output = 0.60 }"
    if get_origin(hint) is dict:
        return 'a table of texts, such as love = "love heart"'
    return " or ".join(names[kind] for kind in get_args(hint) or (hint,))


def _wrong(name: str, value: object, wanted: str) -> Problem:
    return Problem(f"{SETTINGS_FILE} {name}", f"is {_shown(value)}", f"make it {wanted}")


def _shown(value: object) -> str:
    """A value as it can be told: of a long one the beginning, of a whole table only that."""
    if isinstance(value, (list, dict)) and value:
        return "a list" if isinstance(value, list) else "a table"
    try:
        text = repr(value)
    except ValueError:  # Python writes out no number of thousands of digits
        return "an enormous number"
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"


def _unknown(name: str, key: str, known: list[str], *, guess: bool) -> Problem:
    close = difflib.get_close_matches(key[:SHOWN_CHARACTERS], known, n=1) if guess else []
    name = name if name.isprintable() else ascii(name)[1:-1]
    name = name if len(name) <= SHOWN_CHARACTERS else f"{name[:SHOWN_CHARACTERS]}…"
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
    if settings.embedding.dimension < 0:
        problems.append(_wrong("embedding.dimension", settings.embedding.dimension, "0 or more"))
    if not _LANGUAGE.fullmatch(settings.site.language):
        wanted = 'a language tag, such as "en" or "pt-BR"'
        problems.append(_wrong("site.language", settings.site.language, wanted))
    problems += _check_llm(settings)
    if not settings.themes:
        problems.append(_wrong("themes", {}, "at least one theme"))
    problems += _check_output(settings.site.output, root)
    problems += _check_blog(settings) if settings.site.kind == "blog" else []
    return problems


def _check_blog(settings: Settings) -> list[Problem]:
    """The rules of `[blog]`."""
    from ledger.sites.blog.checks import problems

    return [_wrong(name, value, wanted) for name, value, wanted in problems(settings)]


def _check_llm(settings: Settings) -> list[Problem]:
    """The rules of `[llm]` and `[prices]`."""
    problems = []
    if settings.llm.max_tokens < 1:
        problems.append(_wrong("llm.max_tokens", settings.llm.max_tokens, "1 or more"))
    if settings.llm.timeout <= 0:
        problems.append(_wrong("llm.timeout", settings.llm.timeout, "more than 0"))
    for model, prices in settings.prices.items():
        for name, price in prices.items():
            where = f"prices.{model}.{name}"
            if name not in ("input", "output"):
                problems.append(_unknown(where, name, ["input", "output"], guess=True))
            elif not 0 <= price <= MAX_PRICE:
                problems.append(_wrong(where, price, f"between 0 and {MAX_PRICE:,}"))
    return problems


def _check_output(output: str, root: Path) -> list[Problem]:
    """The output folder is below the project and is not one that holds something else."""
    where, root = f"{SETTINGS_FILE} site.output", root.resolve()
    parts = PurePosixPath(output).parts
    whole = len(output.encode("utf-8")) <= MAX_FOLDER_BYTES
    if odd := next((part for part in parts if not _is_portable(part)), None if whole else output):
        what = f"{_shown(odd)} is not the name of a folder everywhere"
        return [Problem(where, what, 'say "site"')]
    folder = Path(os.path.realpath(root / output))  # Path.resolve may raise at links in a circle
    if any(place.is_symlink() for place in (folder, *folder.parents)):
        return [Problem(where, f"{output!r} is a link in a circle", "remove the link")]
    if ".." in parts or folder == root or root not in folder.parents:
        what = f"{_shown(output)} is not a folder inside the project"
        return [Problem(where, what, 'say "site"')]
    first = folder.relative_to(root).parts[0]
    # as a file system reads it that knows no capitals
    if unicodedata.normalize("NFKC", first).casefold() in (STATE_FOLDER, "templates", ".git"):
        return [
            Problem(where, f"{output!r} lies in {first}/, which holds other things", 'say "site"')
        ]
    return []


def _is_portable(part: str) -> bool:
    """Whether a file system, of whatever sort, takes that name for a folder and keeps it."""
    return part in ("/", "..") or (
        not part.endswith((".", " "))
        and not _UNPORTABLE & set(part)
        and not any(unicodedata.category(letter)[0] == "C" for letter in part)
        and part.partition(".")[0].casefold() not in DEVICES
    )


def setting_names() -> dict[str, list[str]]:
    """Every setting by section, for the documentation and its test."""
    hints = get_type_hints(Settings)
    return {
        section.name: [item.name for item in fields(hints[section.name])]
        for section in fields(Settings)
        if hasattr(hints[section.name], "__dataclass_fields__")
    }
