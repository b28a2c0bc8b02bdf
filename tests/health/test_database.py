"""Checks of the ledger file, each against a file with just that fault."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from e2e.conftest import until

from ledger.store.connection import MOVE_AWAY, has_wal_reset_race, migrations

if TYPE_CHECKING:
    from health.conftest import DamagedSite

PAGE = 4096


def overwrite(site: DamagedSite, page: int, data: bytes) -> None:
    """Put other bytes over a page of the ledger file; a negative number counts from the end."""
    count = site.path.stat().st_size // PAGE
    with site.path.open("r+b") as file:
        file.seek(page % count * PAGE)
        file.write(data)


NOISE = random.Random(3).randbytes(PAGE)
BROKEN = {
    "header of zeros": lambda site: overwrite(site, 0, bytes(PAGE)),
    "header of noise": lambda site: overwrite(site, 0, NOISE),
    "schema of zeros": lambda site: overwrite(site, 0, site.path.read_bytes()[:100] + bytes(900)),
    "page 3 of zeros": lambda site: overwrite(site, 2, bytes(PAGE)),
    "page 5 of noise": lambda site: overwrite(site, 4, NOISE),
    "half of it": lambda site: site.path.write_bytes(
        site.path.read_bytes()[: site.path.stat().st_size // 2]
    ),
    "a text file": lambda site: site.path.write_text("nothing to see here\n" * 500),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_file_is_a_finding(site: DamagedSite, fault: str) -> None:
    """With the remedy and no traceback, also with --fix, which leaves such a file alone."""
    BROKEN[fault](site)
    before = site.path.read_bytes()

    for arguments in ([], ["--fix"]):
        health = site.look(*arguments)

        assert 1 == health.exit
        assert {"integrity"} == health.failing
        assert "mv .ledger/ledger.db*" in health.bad("integrity")[0]["remedy"]
        assert "skipped" in health.of("files")[0]["what"]
    assert before == site.path.read_bytes()


def test_no_broken_page_ends_in_a_traceback(site: DamagedSite) -> None:
    """Whichever page of the file is lost, the doctor says something, and JSON."""
    sound = site.path.read_bytes()

    for page in range(0, len(sound) // PAGE, 6):
        site.path.write_bytes(sound)
        overwrite(site, page, bytes(PAGE))
        assert site.look().exit in (0, 1)


def test_verify_refuses_a_broken_file(site: DamagedSite) -> None:
    """With the remedy, and no traceback."""
    overwrite(site, 0, NOISE)

    assert "remedy" in site.run("verify", expect=2)


def move_away(site: DamagedSite, advice: str) -> None:
    """Do the first half of the remedy for a broken file, as it is printed."""
    command = advice.partition("then: ")[2].partition(" && ledger init && ledger spawn;")[0]
    subprocess.run(["sh", "-ec", command], cwd=site.root, check=True)
    assert not site.path.exists()


@pytest.mark.parametrize("fault", ["header of noise", "half of it"])
def test_the_remedy_for_a_broken_file_works(site: DamagedSite, fault: str) -> None:
    """The printed command gives a sound ledger again, and rewrites not one page."""
    BROKEN[fault](site)
    pages, vectors = site.stamps(), site.stamps(".ledger/vectors")
    advice = site.look().bad("integrity")[0]["remedy"]

    move_away(site, advice)
    site.run("init")
    site.run("spawn", 2)

    assert (pages, vectors) == (site.stamps(), site.stamps(".ledger/vectors"))
    assert set() == site.look().failing


def test_the_remedy_takes_the_log_along(planned: DamagedSite) -> None:
    """A -wal that stayed behind would be played into the new ledger; the remedy moves it too."""
    process = planned.start("spawn", 2, "--quiet")
    until(planned.path.with_name("ledger.db-wal").exists, "a log")
    planned.kill_all(process)
    overwrite(planned, 0, NOISE)

    move_away(planned, MOVE_AWAY)
    planned.run("init")
    planned.run("spawn", 2)

    assert set() == planned.look().failing


CUT_OFF = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA journal_mode = TRUNCATE")
connection.execute("PRAGMA cache_size = 1")  # so that pages go to the file before the commit
connection.execute("BEGIN IMMEDIATE")
connection.execute("UPDATE jobs SET payload = hex(randomblob(9000))")
os._exit(0)
"""
OWN_SQLITE = """
import sys
sys.modules["pysqlite3"] = None
from ledger.cli.main import main
main()
"""


def test_a_write_that_was_cut_off_is_rolled_back(site: DamagedSite) -> None:
    """With a rollback journal a reader cannot do that: --fix is the remedy, and works."""
    subprocess.run([sys.executable, "-c", CUT_OFF, site.path], check=True)
    assert site.path.with_name("ledger.db-journal").stat().st_size > 0

    def doctor(*arguments: str) -> str:
        command = [sys.executable, "-c", OWN_SQLITE, "doctor", *arguments]
        done = subprocess.run(command, cwd=site.root, check=False, capture_output=True, text=True)
        return done.stdout + done.stderr

    if has_wal_reset_race(sqlite3.sqlite_version):
        assert "a writer was cut off" in doctor()
    report = doctor("--fix")
    assert "error" not in report
    assert "is whole" in report


def test_a_newer_schema_says_upgrade(site: DamagedSite) -> None:
    """Nothing else is read from it, and --fix leaves it alone."""
    site.sql("PRAGMA user_version = 999")

    for arguments in ([], ["--fix"]):
        health = site.look(*arguments)

        assert {"schema"} == health.failing
        assert "error" == health.of("schema")[0]["severity"]
        assert "pip install -U" in health.of("schema")[0]["remedy"]
        assert 1 == health.exit


def test_an_older_schema_says_init(site: DamagedSite) -> None:
    """Which migrates it."""
    site.sql(f"PRAGMA user_version = {len(migrations()) - 1}")

    finding = site.look().of("schema")[0]

    assert "warning" == finding["severity"]
    assert "ledger init" in finding["remedy"]


def test_an_empty_file_is_an_old_one(planned: DamagedSite) -> None:
    """What a kill in the first moment leaves: `ledger init` is the remedy, and works."""
    planned.path.write_bytes(b"")

    assert {"schema"} == planned.look().failing
    planned.run("init")
    assert set() == planned.look().failing


def test_rows_that_name_nothing_are_found(site: DamagedSite) -> None:
    """An output of a job that is not there."""
    site.sql("INSERT INTO outputs (path, job) VALUES ('site/x.html', 9999)")

    finding = site.look().bad("references")[0]

    assert "1 reference from outputs to missing rows of jobs" == finding["what"]


def test_counters_that_are_off_are_counted_again(site: DamagedSite) -> None:
    """They decide which phase is open: one too many, and a run never ends."""
    site.sql("UPDATE counters SET n = n + 1 WHERE kind = 'similar' AND class = 'done'")
    site.sql("DELETE FROM counters WHERE kind = 'embed'")

    health = site.look()

    assert {"counters"} == health.failing
    assert 2 == len(health.bad("counters"))
    assert "7 by the counters, 6 when counted" in health.bad("counters")[1]["what"]
    assert {"counters"} == site.look("--fix").fixed
    assert set() == site.look().failing


def test_counters_come_before_what_moves_them(site: DamagedSite) -> None:
    """A damaged page is put back although its counter said there is no such job."""
    site.sql("UPDATE counters SET n = 0")
    (site.root / "site" / "index.html").unlink()

    assert {"counters", "files"} == site.look("--fix").fixed


def test_texts_are_those_that_were_planned(site: DamagedSite) -> None:
    """A text that was changed behind the plan's back, and one that is gone."""
    site.sql("UPDATE documents SET content = 'other words' WHERE position = 2")
    assert "is not the one that was planned" in site.look().bad("plan")[0]["what"]

    site.sql("DELETE FROM documents WHERE position = 5")
    assert "5 of 6 planned documents found" in site.look().bad("plan")[1]["what"]


def test_a_ledger_without_a_plan_says_init(site: DamagedSite) -> None:
    """What an init that was refused leaves behind."""
    for table in ("outputs", "jobs", "documents", "facts"):
        site.sql(f"DELETE FROM {table}")

    assert "ledger init" == site.look().bad("plan")[0]["remedy"]
