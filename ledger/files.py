"""Files: those that ship with the program, writing one whole, and who owns a path."""

from __future__ import annotations

import os
import unicodedata
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ledger.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

TEMPORARY_SUFFIX = ".ledger-tmp"
_PACKAGE = Path(__file__).resolve().parent


@cache
def resource(name: str) -> Path:
    """The folder `name` (`templates` or `migrations`) that ships with the program.

    A wheel carries them in `ledger/_data`; an editable install leaves them in the checkout.
    """
    for place in (_PACKAGE / "_data" / name, _PACKAGE.parent / name):
        if place.is_dir():
            return place
    raise FileNotFoundError(f"{name} is missing from the installation at {_PACKAGE}; reinstall it")


def write_whole(
    path: Path, data: str | bytes, *, remedy: str = "make its folder, or name another file with -o"
) -> None:
    """Replace the contents of a file atomically: no reader ever sees a part of them.

    Raises:
        LedgerError: it cannot be written there.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY_SUFFIX}")
    try:
        with temporary.open("wb") as file:
            file.write(data.encode("utf-8", "backslashreplace") if isinstance(data, str) else data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise LedgerError(f"{path} cannot be written: {error.strerror}", remedy=remedy) from error


def path_key(path: str) -> str:
    """What two paths have in common that are one file on some file system.

    APFS and NTFS ignore case, and APFS also ignores whether an accent is composed: this is the
    canonical caseless form of Unicode (3.13, D145).
    """
    if path.isascii():
        return path.lower()
    folded = unicodedata.normalize("NFD", path).casefold()
    return unicodedata.normalize("NFC", folded)


class Conflict(NamedTuple):
    """A path that belongs to `owner` and is claimed by another."""

    path: str
    owner: str
    claimant: str


class PathOwners:
    """Who owns each path: the first who claims it."""

    def __init__(self, taken: Iterable[tuple[str, str]] = ()) -> None:
        """`taken` are (path, owner) from before."""
        self._owners: dict[str, str] = {}
        for path, owner in taken:
            self.claim(path, owner)

    def claim(self, path: str, owner: str) -> Conflict | None:
        """Give a path to `owner`, unless another has it: then nothing changes."""
        first = self._owners.setdefault(path_key(path), owner)
        return Conflict(path, first, owner) if first != owner else None


def find_conflicts(
    claims: Iterable[tuple[str, str]], taken: Iterable[tuple[str, str]] = ()
) -> Iterator[Conflict]:
    """The conflicts among (path, owner) pairs, and with those that are `taken`."""
    owners = PathOwners(taken)
    return (found for path, owner in claims if (found := owners.claim(path, owner)))
