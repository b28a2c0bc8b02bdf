"""Invariants at the end of a round: of its history, its ledger and its files."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chaos.history import Change, History, JobRow, Numbers, Violation, check
from chaos.site import tree
from ledger.files import TEMPORARY_SUFFIX
from ledger.store.connection import sqlite3
from ledger.store.health import integrity_faults
from ledger.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from chaos.history import Event
    from chaos.site import Site, Tree

WAL_BYTES = 17 << 20  # the limit that Ledger sets it, and a little
WITH_EFFECTS = "chaos-effect"


@dataclass
class Verdict:
    """The result of a round."""

    numbers: Numbers = field(default_factory=Numbers)
    violations: list[Violation] = field(default_factory=list)
    differing_bytes: int = 0


def judge(site: Site, wanted: Tree, *, accounts: bool = True, audited: bool = True) -> Verdict:
    """Everything at once. No process of the round may live any more."""
    verdict = Verdict()
    try:
        history = read_history(site, accounts=accounts, audited=audited)
        verdict.violations += [*_ledger(site), *_leftovers(site)]
    except sqlite3.DatabaseError as error:
        verdict.violations.append(Violation("ledger", f"cannot be read: {error}"))
        return verdict
    if audited:
        verdict.numbers, broken = check(history)
        verdict.violations += broken
    else:
        verdict.numbers.jobs = len(history.jobs)
        undone = [job for job in history.jobs if job.state != "done"]
        verdict.numbers.lost = len(undone)
        verdict.violations += [Violation("lost", f"{job.name} is {job.state}") for job in undone]
    verdict.differing_bytes, differing = compare(site, wanted)
    verdict.violations += differing
    return verdict


def read_history(site: Site, *, accounts: bool, audited: bool) -> History:
    """All that the ledger and the processes wrote down."""
    jobs = site.rows("SELECT id, kind, key, state, lease, attempts FROM jobs ORDER BY id")
    changes: list[Change] = []
    holders: dict[int, int] = {}
    if audited:
        rows = site.rows(
            "SELECT job, fingerprint, state_was, state, lease_was, lease, attempts_was, attempts "
            "FROM chaos_audit ORDER BY id"
        )
        changes = [Change(*row) for row in rows]
        holders = dict(site.rows("SELECT token, worker FROM chaos_leases"))
    return History(
        jobs=[
            JobRow(job, f"{kind}/{key}", state, lease, attempts, kind == WITH_EFFECTS)
            for job, kind, key, state, lease, attempts in jobs
        ],
        changes=changes,
        holders=holders,
        outcomes=dict(site.rows("SELECT id, outcome FROM workers")),
        accounts=read_accounts(site.inside) if accounts else None,
        effects=_effects(site.root / "effects"),
    )


def read_accounts(folder: Path) -> list[list[Event]]:
    """Return the account of each process, in order."""
    return [
        list(_lines(path.read_text("utf-8", "replace")))
        for path in sorted(folder.glob("*.account"))
        if path.stat().st_size
    ]


def _lines(text: str) -> Iterator[Event]:
    for line in text.splitlines():
        try:
            yield json.loads(line)
        except ValueError:  # the last line of one that was killed while it wrote
            return


def _effects(folder: Path) -> dict[str, list[str]]:
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    return {f"{WITH_EFFECTS}/{path.name}": path.read_text("ascii").splitlines() for path in files}


# -- the ledger -------------------------------------------------------------------------------


def _ledger(site: Site) -> Iterator[Violation]:
    wal = site.ledger_path.with_name("ledger.db-wal")
    size = wal.stat().st_size if wal.exists() else 0
    if size > WAL_BYTES:
        yield Violation("wal", f"{size:,} bytes are left of it")
    with Store(site.ledger_path, read_only=True) as store:
        for fault in integrity_faults(store):
            yield Violation("integrity", fault)
        for row in store.connection.execute("PRAGMA foreign_key_check").fetchall():
            yield Violation("integrity", f"a row of {row[0]} refers to nothing")
        kept = store.connection.execute("SELECT phase, kind, class, n FROM counters WHERE n <> 0")
        counted = store.connection.execute(
            "SELECT phase, kind, class, count(*) FROM jobs GROUP BY phase, kind, class"
        )
        if {tuple(row) for row in kept} != {tuple(row) for row in counted}:
            yield Violation("counters", "differ from the jobs")
        if leases := store.live_leases():
            yield Violation("leases", f"{leases} are out, and no worker lives")
        for worker in store.runs.open_workers():
            yield Violation("workers", f"{worker.id} was never seen to end")


# -- the files --------------------------------------------------------------------------------


def _leftovers(site: Site) -> Iterator[Violation]:
    for path in site.root.rglob(f"*{TEMPORARY_SUFFIX}"):
        yield Violation("temp file", str(path.relative_to(site.root)))
    slots = sorted(int(path.stem) for path in (site.root / ".ledger" / "workers").glob("*.slot"))
    if slots:
        ends = dict(site.rows("SELECT id, outcome FROM workers"))
        said = ", ".join(f"{worker} {ends.get(worker)}" for worker in slots[:5])
        yield Violation("slot", f"{len(slots)} are left, of workers that are gone: {said}")


def compare(site: Site, wanted: Tree) -> tuple[int, list[Violation]]:
    """Return the size and names of the files that differ from a clean build."""
    have = tree(site.root)
    wrong = sorted(
        path for path in wanted.keys() | have.keys() if wanted.get(path) != have.get(path)
    )
    bytes_ = sum(
        max(1, path.stat().st_size) if path.exists() else 1
        for path in (site.root / "site" / name for name in wrong)
    )
    said = ", ".join(f"{name} is {_how(name, wanted, have)}" for name in wrong[:3])
    return bytes_, [Violation("tree", f"{len(wrong)} files: {said}")] if wrong else []


def half_made(site: Site, wanted: Tree) -> list[Violation]:
    """Files that are there under their names and are not whole: there are none at any instant."""
    have = {
        name: digest for name, digest in tree(site.root).items() if TEMPORARY_SUFFIX not in name
    }
    return [Violation("half made", name) for name in have if have[name] != wanted.get(name)]


def _how(name: str, wanted: Tree, have: Tree) -> str:
    if name not in have:
        return "missing"
    return "not as in a clean build" if name in wanted else "there, and in no clean build"
