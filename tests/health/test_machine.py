"""Checks of the machine: SQLite, filesystems, room, limits."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ledger.health.finding import Severity
from ledger.health.machine import filesystem_finding, filesystem_of, sqlite_finding
from ledger.store.plan import read_facts

if TYPE_CHECKING:
    from collections.abc import Callable

    from health.conftest import DamagedSite

    Mount = Callable[[str, Path], Path]

MOUNTS = r"""22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:25 / /home rw,relatime shared:2 master:1 - nfs4 server:/export/home rw,vers=4.2
31 30 0:26 / /home/my\040disk rw,relatime - ext4 /dev/sdb rw
32 30 0:27 / /home/my\040disk rw,relatime - fuse.sshfs me@there: rw
33 22 0:28 / /homestead rw - xfs /dev/sdc rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "ext4"),
        ("/srv/project", "ext4"),
        ("/home/me/project", "nfs4"),
        ("/home/my disk/project", "fuse.sshfs"),
        ("/homestead/project", "xfs"),
    ],
)
def test_the_nearest_and_latest_mount_counts(path: str, kind: str) -> None:
    """A mount may hide another, have a space in its name, or only begin alike."""
    assert kind == filesystem_of(Path(path), MOUNTS)


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "9p", "fuse.sshfs", "fuse.rclone"])
def test_a_network_is_a_warning(kind: str) -> None:
    """Locks and shared memory of such filesystems are not reliable."""
    finding = filesystem_finding("the ledger", Path("/home/me/.ledger"), kind)

    assert finding.bad
    assert "not reliable" in finding.what


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "zfs", "overlay", "fuseblk", "apfs"])
def test_a_local_disk_is_none(kind: str) -> None:
    """Nothing to say."""
    assert Severity.OK == filesystem_finding("the ledger", Path("/x"), kind).severity


def test_a_filesystem_in_memory_is_a_note(in_memory: Mount, planned: DamagedSite) -> None:
    """What lies there is gone with the machine; the ledger and the output are both looked at."""
    assert ["ok", "ok"] == [item["severity"] for item in planned.look().of("filesystem")]
    in_memory("size=1m", planned.root / "site")

    health = planned.look()

    assert ["ok", "note"] == [item["severity"] for item in health.of("filesystem")]
    assert "the output lies in memory (tmpfs)" in health.of("filesystem")[1]["what"]
    assert 0 == health.exit


@pytest.mark.parametrize(
    ("version", "severity"),
    [
        ("3.37.2", "error"),
        ("3.40.1", "note"),
        ("3.50.7", "ok"),
        ("3.51.2", "note"),
        ("3.53.4", "ok"),
    ],
)
def test_versions_of_sqlite(version: str, severity: str) -> None:
    """Too old, one that loses commits in WAL mode and is used without, and a sound one."""
    assert severity == sqlite_finding(version).severity


def test_without_the_bundled_sqlite(site: DamagedSite) -> None:
    """The doctor works with the standard library's, and tells what that one lacks."""
    code = (
        "import sys; sys.modules['pysqlite3'] = None\n"
        "from ledger.cli.main import main; main(['doctor', '--json'])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=site.root, capture_output=True, text=True, check=False
    )
    import sqlite3

    findings = json.loads(result.stdout)["findings"]
    assert f"SQLite {sqlite3.sqlite_version}" in findings[0]["what"]
    assert findings[0]["severity"] == sqlite_finding(sqlite3.sqlite_version).severity


def moved(site: DamagedSite, disk: Path) -> DamagedSite:
    """The same project on another disk."""
    return type(site)(Path(shutil.copytree(site.root, disk / "project")))


def test_a_full_disk_is_told(in_memory: Mount, planned: DamagedSite, tmp_path: Path) -> None:
    """What `spawn` would refuse, with its numbers and its remedy."""
    site = moved(planned, in_memory("size=32m", tmp_path / "disk"))
    assert set() == site.look().failing
    free = shutil.disk_usage(site.root).free
    (site.root / "filler").write_bytes(bytes(free - 4096))

    finding = site.look().bad("ready")[0]

    assert "and the disk has 0.0 GB free" in finding["what"]
    assert "make room" in finding["remedy"]


def test_a_plan_too_large_for_the_disk_is_told(planned: DamagedSite) -> None:
    """The same on any disk."""
    with planned.store() as store:
        facts = read_facts(store) | {"job_bytes": {"similar": 10**18}}
    planned.sql("UPDATE facts SET value = ? WHERE name = 'plan'", json.dumps(facts))

    assert "needs about 6,000,000,000.0 GB more" in planned.look().bad("ready")[0]["what"]


def test_all_that_spawn_would_refuse_is_told(site: DamagedSite) -> None:
    """Edited settings and a broken template together; an edited corpus is a note."""
    with (site.root / "ledger.toml").open("a") as file:
        file.write("min_length = 5\n")
    site.template("word.html", "{% if %}")
    assert 2 == len(site.look().bad("ready"))

    shutil.rmtree(site.root / "templates")
    text = (site.root / "ledger.toml").read_text().replace("min_length = 5\n", "")
    (site.root / "ledger.toml").write_text(text)
    site.write_poems(site.poems()[:3])
    assert "note" == site.look().of("ready")[0]["severity"]
    assert set() == site.look().failing


def test_a_filesystem_that_takes_no_more_files_is_told(
    in_memory: Mount, planned: DamagedSite, tmp_path: Path
) -> None:
    """There may be room for bytes and none for names."""
    site = moved(planned, in_memory("size=64m,nr_inodes=40", tmp_path / "disk"))

    assert "and the filesystem takes" in site.look().bad("inodes")[0]["what"]


def test_too_few_open_files_are_told(site: DamagedSite) -> None:
    """A worker keeps a file open for every artefact that it has mapped."""
    script = f"ulimit -n 36; exec {sys.executable} -m ledger doctor --json"
    result = subprocess.run(
        ["sh", "-c", script], cwd=site.root, capture_output=True, text=True, check=False
    )

    findings = json.loads(result.stdout)["findings"]
    (finding,) = [item for item in findings if item["check"] == "open files"]
    assert "may open 36 files, and may need 4" in finding["what"]
    assert "ulimit -n" in finding["remedy"]
    assert 1 == result.returncode


AS_NOBODY = """
import os, resource, sys
from pathlib import Path
from ledger.health import CHECKS
from ledger.health.context import CheckContext
from ledger.project.load import load_project
case = CheckContext(load_project(Path(sys.argv[1])), building=False)
(processes,) = [check.look for check in CHECKS if check.name == "processes"]
print(*[str(finding.severity) for finding in processes(case)])
resource.setrlimit(resource.RLIMIT_NPROC, (2, 2))
if os.getuid() == 0:
    os.setuid(65534)
print(*[finding.what for finding in processes(case)])
"""


def test_too_few_processes_are_told(site: DamagedSite) -> None:
    """Threads of all processes of the user count; root is not held to it."""
    out = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, site.root], capture_output=True, text=True, check=True
    ).stdout.splitlines()

    assert "ok" == out[0]
    assert "and 2 are allowed" in out[1]
