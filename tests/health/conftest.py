"""A small site, built once by the real command and copied for every test; and a look at it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from e2e.conftest import STARTER, Site

from ledger.cli.main import main
from ledger.fingerprint import digest_bytes
from ledger.project.load import load_project
from ledger.project.lock import sole_coordinator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DOCUMENTS = 6


@dataclass
class Health:
    """What `ledger doctor --json` said."""

    exit: int
    document: dict[str, Any]

    def of(self, check: str) -> list[dict[str, str]]:
        """What one check found."""
        return [item for item in self.document["findings"] if item["check"] == check]

    def bad(self, check: str) -> list[dict[str, str]]:
        """Its errors and warnings."""
        return [item for item in self.of(check) if item["severity"] in ("error", "warning")]

    @property
    def failing(self) -> set[str]:
        """The checks that found something to do."""
        return {item["check"] for item in self.document["findings"] if self.bad(item["check"])}

    @property
    def fixed(self) -> set[str]:
        """The checks whose findings were fixed."""
        return {item["check"] for item in self.document["fixed"]}


class DamagedSite(Site):
    """A built site that things are done to."""

    def look(self, *arguments: str) -> Health:
        """`ledger doctor --json`, in this process."""
        result = CliRunner().invoke(main, ["doctor", "--json", "-C", str(self.root), *arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        return Health(result.exit_code, json.loads(result.stdout))

    def verify(self) -> tuple[int, dict[str, Any]]:
        """`ledger verify --json`, in this process."""
        result = CliRunner().invoke(main, ["verify", "--json", "-C", str(self.root)])
        return result.exit_code, json.loads(result.stdout)

    @property
    def path(self) -> Path:
        """The ledger file."""
        return self.root / ".ledger" / "ledger.db"

    def sql(self, statement: str, *values: object) -> list[Any]:
        """Do to the ledger what no command would."""
        with self.store() as store:
            store.connection.execute("PRAGMA foreign_keys = OFF")
            return store.connection.execute(statement, values).fetchall()

    def find(self, pattern: str) -> Path:
        """The first file of that pattern, by name."""
        return min(self.root.glob(pattern))

    def publish(self, path: Path, data: bytes) -> None:
        """Other bytes for a file, and the ledger none the wiser: as if a job had made them."""
        path.write_bytes(data)
        name = path.relative_to(self.root).as_posix()
        digest = digest_bytes(data)
        self.sql("UPDATE outputs SET bytes = ?, digest = ? WHERE path = ?", len(data), digest, name)

    @contextmanager
    def building(self) -> Iterator[None]:
        """Hold the project, as a coordinator does."""
        with sole_coordinator(load_project(self.root)):
            yield

    def everything(self) -> dict[str, tuple[int, int, int]]:
        """(inode, size, modification time) of every file and folder, but for SQLite's -shm.

        That one is the memory that the connections of the moment share.
        """
        paths = [self.root, *self.root.rglob("*")]
        stats = {str(path): path.stat() for path in paths if not path.name.endswith("-shm")}
        return {name: (stat.st_ino, stat.st_size, stat.st_mtime_ns) for name, stat in stats.items()}


def flip(path: Path) -> None:
    """Change one bit in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.fixture(scope="session")
def planned_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that is planned, and not built."""
    site = Site(tmp_path_factory.mktemp("planned") / "project")
    site.root.mkdir()
    shutil.copy(STARTER, site.root / "poems.json")
    site.write_poems(site.poems()[:DOCUMENTS])
    text = '[site]\ntitle = "Test"\n[corpus]\npath = "poems.json"\n[words]\ncount = 4\n'
    (site.root / "ledger.toml").write_text(text, "utf-8")
    site.run("init")
    return site.root


@pytest.fixture(scope="session")
def built_folder(planned_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, built."""
    site = Site(tmp_path_factory.mktemp("built") / "project")
    shutil.copytree(planned_folder, site.root)
    site.run("spawn", 2)
    return site.root


@pytest.fixture
def planned(planned_folder: Path, tmp_path: Path) -> DamagedSite:
    """A planned project of the test's own."""
    return DamagedSite(Path(shutil.copytree(planned_folder, tmp_path / "planned")))


@pytest.fixture
def site(built_folder: Path, tmp_path: Path) -> DamagedSite:
    """A built project of the test's own."""
    return DamagedSite(Path(shutil.copytree(built_folder, tmp_path / "built")))


@pytest.fixture
def in_memory() -> Iterator[Callable[[str, Path], Path]]:
    """Mounts a small filesystem in memory, with those options, at a folder; returns that."""
    if os.getuid() != 0:
        pytest.skip("needs root, to mount")
    made: list[Path] = []

    def mount(options: str, place: Path) -> Path:
        place.mkdir(exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
        if subprocess.run(command, check=False, capture_output=True).returncode:
            pytest.skip("may not mount here")
        made.append(place)
        return place

    yield mount
    for place in made:
        subprocess.run(["umount", str(place)], check=True)
