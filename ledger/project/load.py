"""ledger.toml -> one frozen Project: find it, read it, and report every problem at once."""

from __future__ import annotations

import difflib
import math
import os
import re
import unicodedata
from dataclasses import fields
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

from ledger.corpus.settings import CorpusSettings
from ledger.corpus.slugs import DEVICES
from ledger.corpus.tables import parse_toml
from ledger.errors import BadInputError, LedgerError, Problem
from ledger.project.settings import (
    SETTINGS_FILE,
    STATE_FOLDER,
    FreeTable,
    Project,
    Settings,
    SiteSettings,
    WorkerSettings,
)
from ledger.project.sites import DEFAULT, SITES, project_site

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ledger.project.settings import Table, WrongValue
    from ledger.project.sites import ProjectSite

__all__ = [
    "SETTINGS_FILE",
    "STATE_FOLDER",
    "Project",
    "find_root",
    "load_project",
    "parse_project",
    "setting_names",
]

MAX_SETTINGS_BYTES = 300_000
MAX_FOLDER_BYTES = 255

SHOWN_CHARACTERS = 60
MAX_GUESSES = 100

CORE: Mapping[str, Table] = {
    "site": SiteSettings,
    "corpus": CorpusSettings,
    "workers": WorkerSettings,
}
# The modules whose TABLES every project may have, whatever its site. By name, since they are
# built on this package.
SHARED = ("ledger.queues.settings",)

_LANGUAGE = re.compile("(?:[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)?")
_UNPORTABLE = frozenset('\\:*?"<>|')


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
        problem = Problem(SETTINGS_FILE, f"is not TOML: {error}", "fix the line it names")
        raise BadInputError([problem]) from error
    problems: list[Problem] = []
    site = project_site(_site_name(table))
    settings = _settings(table, site, problems)
    problems += _check_values(settings, site, root) if not problems else []
    if problems:
        raise BadInputError(problems)
    return Project(root, settings, text)


def _site_name(table: dict[str, Any]) -> str:
    """The kind of site that a table asks for; the usual one where that is not even text."""
    site = table.get("site")
    name = site.get("kind", DEFAULT) if isinstance(site, dict) else DEFAULT
    return name if isinstance(name, str) else DEFAULT


def _settings(table: dict[str, Any], site: ProjectSite, problems: list[Problem]) -> Settings:
    """Build the settings from a TOML table, noting what does not fit."""
    known = {**CORE, **_shared_tables(), **site.tables}
    values = {name: _default(declared) for name, declared in known.items()}
    for name, value in table.items():
        if name not in known:
            problems.append(_unknown_table(name, list(known), guess=len(problems) < MAX_GUESSES))
        else:
            values[name] = _table(known[name], value, name, problems)
    core = {name: values.pop(name) for name in CORE}
    return Settings(**core, tables=values)


def _shared_tables() -> dict[str, Table]:
    modules = map(import_module, SHARED)
    return {name: table for module in modules for name, table in module.TABLES.items()}


def _default(declared: Table) -> Any:
    return dict(declared.default) if isinstance(declared, FreeTable) else declared()


def _table(declared: Table, value: Any, name: str, problems: list[Problem]) -> Any:
    """The value of one table, or its default where it does not fit."""
    if isinstance(declared, FreeTable):
        if not _fits(value, declared.hint):
            problems.append(_wrong(name, value, f"a table of {declared.description}"))
        elif problem := _problem(value):
            problems.append(Problem(f"{SETTINGS_FILE} {name}", *problem))
        return value
    if isinstance(value, dict):
        return _section(declared, value, f"{name}.", problems)
    problems.append(_wrong(name, value, f"a table, [{name}]"))
    return declared()


def _unknown_table(name: str, known: list[str], *, guess: bool) -> Problem:
    """A table that neither the core nor this kind of site has: perhaps another kind has it."""
    problem = _unknown(name, name, known, guess=guess)
    others = [other for other in SITES.shipped if name in project_site(other).tables]
    if not others or "did you mean" in problem.remedy:
        return problem
    remedy = f"remove it: it belongs to a site of kind {' or '.join(map(repr, others))}"
    return Problem(problem.where, problem.what, remedy)


def _refuse_excess(size: int) -> None:
    """Refuse more than a person writes: it takes long to read, and is a mistake or an attack."""
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
    if get_origin(hint) is dict:
        return "a table"
    return " or ".join(names[kind] for kind in get_args(hint) or (hint,))


def _wrong(name: str, value: object, wanted: str) -> Problem:
    return Problem(f"{SETTINGS_FILE} {name}", f"is {_shown(value)}", f"make it {wanted}")


def _shown(value: object) -> str:
    """A value as messages show it: the beginning of a long one, the type of a list or table."""
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


def _check_values(settings: Settings, site: ProjectSite, root: Path) -> list[Problem]:
    """The rules that types alone do not say: the core's, then those of each owner of tables."""
    problems = [*_as_problems(_core_rules(settings)), *_check_output(settings.site.output, root)]
    for module in map(import_module, SHARED):
        problems += _as_problems(module.check(settings))
    return problems + _as_problems(site.check(settings))


def _core_rules(settings: Settings) -> Iterable[WrongValue]:
    corpus, workers, site = settings.corpus, settings.workers, settings.site
    if corpus.max_document_bytes < 1:
        yield "corpus.max_document_bytes", corpus.max_document_bytes, "1 or more"
    if workers.max_attempts < 1:
        yield "workers.max_attempts", workers.max_attempts, "1 or more"
    if workers.lease_seconds < 1:
        yield "workers.lease_seconds", workers.lease_seconds, "1 or more"
    if not _LANGUAGE.fullmatch(site.language):
        yield "site.language", site.language, 'a language tag, such as "en" or "pt-BR"'


def _as_problems(found: Iterable[WrongValue | Problem]) -> list[Problem]:
    return [item if isinstance(item, Problem) else _wrong(*item) for item in found]


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
    """Every setting that ships, by table, for the documentation and its test."""
    known = {**CORE, **_shared_tables()}
    for name in SITES.shipped:
        known |= project_site(name).tables
    return {
        name: [item.name for item in fields(table)]
        for name, table in known.items()
        if not isinstance(table, FreeTable)
    }
