"""A page of the ledger overwritten: it must be reported clearly, with a remedy that works."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from chaos.damage import stamps
from chaos.rounds import Round, Storm, tail
from chaos.site import Shape, tree
from ledger.store.connection import sqlite3

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

    from chaos.site import Site

PAGE_BYTES = 4096
REMEDY = "ledger init"
TRIALS = 4


class Corrupt(Storm):
    """Pages of the ledger overwritten, half overwritten, zeroed, cut off; then the remedy."""

    name = "corrupt"
    shape = Shape(pages=300, effects=0, early=20, pause=0.002, audited=False)
    rounds = 4

    def run(self, it: Round) -> None:
        """Some copies of one project, half-done or finished, each spoilt in its own way."""
        random, site = it.random(), it.site(self.shape)
        leader = site.start("spawn", it.workers, "--quiet")
        if it.number % 2:
            while len(list((site.root / "site").rglob("page/*/*.txt"))) < self.shape.pages / 2:
                time.sleep(0.005)
            site.commands.kill_group(leader)
        site.wait(leader)
        site.commands.end()
        fold(site.ledger_path)
        for trial in range(TRIALS):
            copy = it.folder / f"copy-{trial}"
            shutil.copytree(site.root, copy, symlinks=True)
            self._trial(
                it, random, it.enrol(replace(site, root=copy, commands=type(site.commands)()))
            )

    def _trial(self, it: Round, random: Random, site: Site) -> None:
        how = spoil_ledger(site.ledger_path, random)
        it.tally.faults += 1
        it.tally.numbers.jobs += self.shape.pages + self.shape.early
        sound = is_sound(site.ledger_path)
        clean = it.nursery.tree(self.shape)
        have, before = tree(site.root), stamps(site.root / "site")
        for command in (("status",), ("doctor",), ("spawn", it.workers, "--quiet")):
            code, said = site.run(*command)
            label = f"{how}: `{command[0]}` ended with {code}"
            it.expect("Traceback" not in said, "report", f"{label}: {tail(said)}")
            it.expect(code in (0, 1, 2), "exit", f"{label}: {tail(said)}")
            if command[0] == "doctor":
                it.expect(
                    sound or code, "doctor", f"{label}, and the file is malformed: {tail(said)}"
                )
            elif code:
                it.expect("remedy" in said, "report", f"{label}, with no remedy: {tail(said)}")
        if code:
            it.expect(REMEDY in said, "report", f"{how}: not the remedy: {tail(said)}")
            self._cure(it, site)
        wrong = tree(site.root) != clean
        it.expect(not wrong, "tree", f"{how}: not as in a clean build")
        it.tally.notes[
            "spoilt ledgers that spawn refused" if code else "that it could do without"
        ] += 1
        after = stamps(site.root / "site")
        vain = [name for name, stamp in after.items()
                if have.get(name) == clean[name] and before[name] != stamp]  # fmt: skip
        it.expect(not vain, "in vain", f"{how}: {len(vain)} sound files written again: {vain[:3]}")

    def _cure(self, it: Round, site: Site) -> None:
        """Follow the remedy: remove the file, and plan again."""
        for path in site.ledger_path.parent.glob("ledger.db*"):
            path.rename(site.root / f"spoilt-{path.name}")
        it.succeed(site, "init")
        it.succeed(site, "spawn", it.workers, "--quiet")


def fold(path: Path) -> None:
    """Bring the WAL into the file, so that a spoilt page is one that is read."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def spoil_ledger(path: Path, random: Random) -> str:
    """Overwrite one of its pages; returns what was done. No connection is open."""
    data = bytearray(path.read_bytes())
    page = random.randrange(len(data) // PAGE_BYTES)
    start, way = page * PAGE_BYTES, random.choice(("noise", "half noise", "zeros", "cut"))
    if way == "noise":
        data[start : start + PAGE_BYTES] = random.randbytes(PAGE_BYTES)
    elif way == "half noise":
        data[start + PAGE_BYTES // 2 : start + PAGE_BYTES] = random.randbytes(PAGE_BYTES // 2)
    elif way == "zeros":
        data[start : start + PAGE_BYTES] = bytes(PAGE_BYTES)
    else:
        page = max(1, page)
        del data[page * PAGE_BYTES :]
    path.write_bytes(data)
    return f"{way} at page {page + 1}"


def is_sound(path: Path) -> bool:
    """Whether SQLite's own check finds no fault in the file."""
    try:
        connection = sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)
        try:
            return connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        finally:
            connection.close()
    except sqlite3.DatabaseError:
        return False
