"""What the checks look at: a project and its ledger, opened to read, in whatever state it is."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ledger.errors import LedgerError
from ledger.health.finding import MOVE_AWAY
from ledger.store.claims import Store
from ledger.store.connection import Database, T, migrations
from ledger.store.plan import read_facts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ledger.project.load import Project
    from ledger.store.connection import Row

# By the beginning of SQLite's own name for it; what is not here is told in SQLite's words.
REMEDIES = {
    "SQLITE_CORRUPT": MOVE_AWAY,
    "SQLITE_NOTADB": MOVE_AWAY,
    "SQLITE_IOERR": "the disk failed to read it: see `dmesg`, and copy the project to a sound disk",
    "SQLITE_BUSY": "another process holds it: wait for that one, then look again",
    "SQLITE_READONLY": "a writer was cut off and has to be rolled back: ledger doctor --fix",
    "SQLITE_FULL": "make room on the disk of the project, then do it again",
    "SQLITE_CANTOPEN": "let this user read and write .ledger/ and the files in it",
    "SQLITE_PERM": "let this user read and write .ledger/ and the files in it",
}


class UnreadableError(LedgerError):
    """SQLite refuses to read the ledger."""

    def __init__(self, path: Path, cause: BaseException) -> None:
        name = str(getattr(cause, "sqlite_errorname", ""))
        remedies = [text for start, text in REMEDIES.items() if name.startswith(start)]
        self.understood = bool(remedies)
        super().__init__(
            f"{path.name} cannot be read or written: {cause}",
            context=f"{path} ({name or type(cause).__name__})",
            remedy=[*remedies, "look again: ledger doctor"][0],
        )


@contextmanager
def told(ledger: Database | Store) -> Iterator[None]:
    """Turn what SQLite says about a file into a refusal with its remedy.

    Raises:
        UnreadableError: in place of any error of the driver.
    """
    try:
        yield
    except ledger.connection.DatabaseError as cause:
        raise UnreadableError(ledger.path, cause) from cause


class InspectedDatabase(Database):
    """A read-only connection to a ledger of any version; what SQLite refuses has its remedy."""

    version: int

    def __init__(self, path: Path) -> None:
        """Open it.

        Raises:
            LedgerError: there is none.
            UnreadableError: SQLite cannot read it.
        """
        try:
            super().__init__(path, read_only=True)
        except LedgerError as refusal:
            if refusal.__cause__ is None:
                raise
            raise UnreadableError(path, refusal.__cause__) from refusal

    def rows(self, name: str, /, **values: Any) -> list[Row]:
        """As always, but an error has its remedy."""
        with told(self):
            return super().rows(name, **values)

    def read(self, shape: type[T], name: str, /, **values: Any) -> list[T]:
        """As always, but an error has its remedy."""
        with told(self):
            return super().read(shape, name, **values)

    def value(self, name: str, /, **values: Any) -> Any:
        """As always, but an error has its remedy."""
        with told(self):
            return super().value(name, **values)

    def check_version(self, have: int) -> None:
        """Accept any."""
        self.version = have


class Patient(Store):
    """A ledger that is opened to be looked at: read-only, and whatever its version."""

    def __init__(self, path: Path) -> None:
        database = InspectedDatabase(path)
        super().__init__(database)
        self.version = database.version


class Case:
    """One look at a project. `building` is whether a coordinator lives, who may change all this."""

    def __init__(self, project: Project, *, building: bool) -> None:
        self.project = project
        self.building = building

    @cached_property
    def faults(self) -> list[LedgerError]:
        """Why the ledger file is not to be trusted; empty if it is sound.

        Looked at twice: an idle ledger is read without locks, and would seem torn if a build
        began just then. The second look sees that build, and locks.
        """
        return self._faults() and self._faults()

    @cached_property
    def ledger(self) -> Patient:
        """The ledger; only for checks of a sound one."""
        return Patient(self.project.ledger_path)

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What the plan noted down; empty before the first plan."""
        return read_facts(self.ledger)

    @cached_property
    def readable(self) -> bool:
        """Whether the file is sound and of the version that the queries are for."""
        return not self.faults and self.ledger.version == len(migrations())

    @property
    def name(self) -> str:
        """The ledger's path in the project, for `where`."""
        return self.project.ledger_path.relative_to(self.project.root).as_posix()

    def close(self) -> None:
        """Close the ledger, if it was opened."""
        if "ledger" in self.__dict__:
            self.ledger.close()

    def _faults(self) -> list[LedgerError]:
        try:
            with Patient(self.project.ledger_path) as ledger:
                said = [str(row[0]) for row in ledger.rows("integrity_check")]
        except UnreadableError as fault:
            return [fault]
        return [
            LedgerError(f"{self.name} is damaged: {text}", context=self.name, remedy=MOVE_AWAY)
            for text in said
            if text != "ok"
        ]
