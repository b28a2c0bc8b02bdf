"""Corpus formats: which reader a file or folder is for. This is their registry.

Importing this module imports no reader: those of notes and tables cost time that a worker, which
wants no more than `Document`, need not spend.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ledger.errors import BadInputError
from ledger.process.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ledger.corpus.records import RecordResult
    from ledger.corpus.settings import CorpusSettings

FORMATS = Registry(
    "ledger.formats",
    "corpus format",
    {
        "json": "ledger.corpus.poems:FORMAT",
        "lines": "ledger.corpus.lines:FORMAT",
        "notes": "ledger.corpus.notes:FORMAT",
    },
)
# It takes any folder, so every other format is asked before it.
ANY_FOLDER = "notes"


@dataclass(frozen=True, slots=True)
class Format:
    """How a corpus format is registered.

    `read(path, settings)` yields a `RecordResult` for each document and never raises for bad
    input. `suffixes` are the ends of the names of its files; with `packed`, `.gz` may follow. A
    format that is no file of such a name has `matches(path)` instead, and one of a folder also
    `files(path)`: the files that `ledger init` watches for edits. `description` is a noun phrase
    for messages, needed only where there are no suffixes.
    """

    read: Callable[[Path, CorpusSettings], Iterable[RecordResult]]
    suffixes: tuple[str, ...] = ()
    packed: bool = False
    matches: Callable[[Path], bool] | None = None
    files: Callable[[Path], list[Path]] | None = None
    description: str = ""

    def takes(self, path: Path) -> bool:
        """Whether a corpus at `path` is in this format."""
        if self.matches is not None:
            return self.matches(path)
        name = path.name.lower()
        name = name.removesuffix(".gz") if self.packed else name
        return bool(self.suffixes) and name.endswith(self.suffixes) and not path.is_dir()


def format_of(path: Path) -> Format | None:
    """The format of the corpus at `path`, if it is a known one.

    Raises:
        BadInputError: the package of the one that could be is broken.
    """
    names = [name for name in FORMATS.shipped if name != ANY_FOLDER]
    found = next(_taking(names, path), None)
    return found or next(_taking([*FORMATS.added(), ANY_FOLDER], path), None)


def known_formats() -> str:
    """All formats, as the end of a sentence."""
    kinds = [_load(name) for name in FORMATS.names()]
    packed = [suffix for kind in kinds if kind.packed for suffix in kind.suffixes]
    plain = [suffix for kind in kinds if not kind.packed for suffix in kind.suffixes]
    parts = [f"a {_either(packed)} file (also with .gz)"]
    parts += [f"a {_either(plain)} file"] if plain else []
    parts += [kind.description for kind in kinds if not kind.suffixes]
    return f"{', '.join(parts[:-1])}, or {parts[-1]}"


def _either(words: list[str]) -> str:
    """`.a, .b or .c`."""
    return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else words[0]


def _taking(names: Iterable[str], path: Path) -> Iterator[Format]:
    return (kind for kind in map(_load, names) if kind.takes(path))


def _load(name: str) -> Format:
    """The registered format of that name.

    Raises:
        BadInputError: what is registered is none.
    """
    kind = FORMATS.load(name)
    if isinstance(kind, Format):
        return kind
    what = f"is {kind!r:.60}, not a ledger.corpus.formats.Format"
    raise BadInputError([FORMATS.problem(name, what)])
