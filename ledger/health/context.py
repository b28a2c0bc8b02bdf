"""Input of the checks: a project and its ledger, opened read-only in whatever state it is."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ledger.errors import OS_REMEDIES, LedgerError
from ledger.store.connection import MOVE_AWAY, Database, T, migrations
from ledger.store.health import integrity_faults
from ledger.store.plan import read_facts
from ledger.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ledger.project.load import Project
    from ledger.store.connection import Row

# By a prefix of SQLite's own name for the error; of other errors SQLite's message is shown.
REMEDIES = {
    "SQLITE_CORRUPT": MOVE_AWAY,
    "SQLITE_NOTADB": MOVE_AWAY,
    "SQLITE_IOERR": OS_REMEDIES[errno.EIO],
    "SQLITE_BUSY": "another process holds it: wait for that process, then run ledger doctor again",
    "SQLITE_READONLY": "a writer was cut off and has to be rolled back: ledger doctor --fix",
    "SQLITE_FULL": OS_REMEDIES[errno.ENOSPC],
    "SQLITE_CANTOPEN": f"{OS_REMEDIES[errno.EACCES]} (.ledger/ and all files in it)",
    "SQLITE_PERM": f"{OS_REMEDIES[errno.EACCES]} (.ledger/ and all files in it)",
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
            remedy=[*remedies, "check again: ledger doctor"][0],
        )


@contextmanager
def with_remedy(ledger: Database | Store) -> Iterator[None]:
    """Convert errors of SQLite into a refusal with its remedy.

    Raises:
        UnreadableError: in place of any error of the driver.
    """
    try:
        yield
    except ledger.connection.DatabaseError as cause:
        raise UnreadableError(ledger.path, cause) from cause


class InspectedDatabase(Database):
    """A read-only connection to a ledger of any version; errors of SQLite come with a remedy."""

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
        """Run as the base class does; an error comes with its remedy."""
        with with_remedy(self):
            return super().rows(name, **values)

    def read(self, shape: type[T], name: str, /, **values: Any) -> list[T]:
        """Run as the base class does; an error comes with its remedy."""
        with with_remedy(self):
            return super().read(shape, name, **values)

    def value(self, name: str, /, **values: Any) -> Any:
        """Run as the base class does; an error comes with its remedy."""
        with with_remedy(self):
            return super().value(name, **values)

    def check_version(self, have: int) -> None:
        """Accept any version."""
        self.version = have


class HealthStore(Store):
    """A ledger opened for checks: read-only, of any version."""

    def __init__(self, path: Path) -> None:
        database = InspectedDatabase(path)
        super().__init__(database)
        self.version = database.version


class CheckContext:
    """Input of one round of checks; `building`: a live coordinator may change it meanwhile."""

    def __init__(self, project: Project, *, building: bool) -> None:
        self.project = project
        self.building = building

    @cached_property
    def faults(self) -> list[LedgerError]:
        """The reasons not to trust the ledger file; empty if it is sound.

        Checked twice: an idle ledger is read without locks, and would appear torn if a build
        began at that moment. The second check sees that build, and locks.
        """
        return self._faults() and self._faults()

    @cached_property
    def ledger(self) -> HealthStore:
        """The ledger; only for checks of a sound one."""
        return HealthStore(self.project.ledger_path)

    @cached_property
    def facts(self) -> dict[str, Any]:
        """The facts of the plan; empty before the first."""
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
            with HealthStore(self.project.ledger_path) as ledger:
                faults = integrity_faults(ledger)
        except UnreadableError as fault:
            return [fault]
        return [
            LedgerError(f"{self.name} is damaged: {text}", context=self.name, remedy=MOVE_AWAY)
            for text in faults
        ]
