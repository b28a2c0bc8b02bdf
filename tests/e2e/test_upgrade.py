"""Ledgers made by commit cf5f33d (schema version 4) go on under the present program.

`upgrade/*.sql` are dumps of two such ledgers: one of a site of four poems, built; one of queues
whose whole run was killed while a paid effect was in flight.
"""

from __future__ import annotations

import json
import shutil
import struct
from contextlib import closing
from pathlib import Path

import pytest
from e2e.conftest import Site

from ledger.process import clock
from ledger.store.connection import sqlite3

DUMPS = Path(__file__).with_name("upgrade")
IN_FLIGHT = struct.pack("<qdqH200s", 5, 2677.46, 0, 3, b"y/z").ljust(256, b"\0")


def restore(root: Path, name: str) -> Site:
    """Make a project folder with the ledger of a dump."""
    (root / ".ledger" / "workers").mkdir(parents=True)
    script = (DUMPS / f"{name}.sql").read_text("utf-8")
    with closing(sqlite3.connect(root / ".ledger" / "ledger.db")) as database:
        database.executescript(script)
        # The dump's machine was never restarted; its boot is this one.
        boot = json.dumps(clock.boot_id())[1:-1]
        database.execute("UPDATE facts SET value = ? WHERE name = 'boot'", (boot,))
        database.execute("UPDATE runs SET boot = ?", (boot,))
        plan = database.execute("SELECT value FROM facts WHERE name = 'plan'").fetchone()[0]
        database.commit()
    (root / "ledger.toml").write_text(json.loads(plan)["settings"], "utf-8")
    return Site(root)


def test_other_commands_name_the_one_that_migrates(tmp_path: Path) -> None:
    """Nothing but `init` touches a ledger of an older version."""
    site = restore(tmp_path, "poems")

    assert "run `ledger init` once" in site.run("spawn", "1", expect=2)
    assert "run `ledger init` once" in site.run("status", expect=2)


def test_a_site_is_planned_again_without_loss(tmp_path: Path) -> None:
    """Its jobs stay done, its modules are found where they are now, its pages are a clean build's."""
    site, clean = restore(tmp_path / "old", "poems"), Site(tmp_path / "new")
    clean.root.mkdir()
    for each in (site, clean):
        shutil.copy(DUMPS / "poems.json", each.root)
    shutil.copy(site.root / "ledger.toml", clean.root)

    assert "0 new" in site.run("init") or "nothing changed" in site.run("init")
    site.run("spawn", "1", "--quiet")  # the dump has no files: their jobs are put back
    clean.run("init")
    clean.run("spawn", "1", "--quiet")

    assert clean.tree() == site.tree()


@pytest.mark.parametrize("first", ["spawn", "doctor"])
def test_an_effect_in_flight_is_parked(tmp_path: Path, first: str) -> None:
    """Queues keep states and policies; what was in flight is in doubt and is not repeated."""
    site = restore(tmp_path, "queues")
    (site.root / "paid.txt").write_text("paid\n")
    (site.root / ".ledger" / "workers" / "2.slot").write_bytes(IN_FLIGHT)

    site.run("init")
    if first == "doctor":
        site.run("doctor", "--fix", expect=1)
    site.run("spawn", "1", "--quiet", "--keep-going", expect=1)

    assert "paid\n" == (site.root / "paid.txt").read_text()
    counts = {count["queue"]: count for count in site.status()["kinds"] if count["queue"]}
    assert (3, 1) == (counts["x"]["done"], counts["x"]["failed"])
    assert 1 == counts["y"]["failed"]
    assert ["y/z"] == [job["key"] for job in site.status()["uncertain"]]
