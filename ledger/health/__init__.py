"""The health of a project: a registry of checks, each a function that looks and tells.

`ledger doctor` runs all of them; none of them writes. What can be mended without harm has a
second function, which is called with what the check found.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ledger.errors import LedgerError
from ledger.health import database, machine, outputs, queues, vectors, work
from ledger.health.context import Case
from ledger.health.finding import Finding, note, refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ledger.project.load import Project
    from ledger.store.claims import Store

    Look = Callable[[Case], Iterable[Finding]]
    Mend = Callable[[Project, Store, Sequence[Finding]], None]


@dataclass(frozen=True, slots=True)
class Check:
    """A check by name; `mended` says what its `fix` does with what it found.

    `always`: it also makes sense when the ledger cannot be read.
    """

    name: str
    look: Look
    fix: Mend | None = None
    mended: str = ""
    always: bool = False


AGAIN = "`ledger spawn` builds it again"

# Mended in this order: the counters first, since every later change of a job moves them; runs
# after files, since `spawn` hashes what an open run made, and a closed one's it trusts.
CHECKS = (
    Check("sqlite", machine.sqlite, always=True),
    Check("filesystem", machine.filesystems, always=True),
    Check("integrity", database.integrity, always=True),
    Check("schema", database.schema, always=True),
    Check("references", database.references),
    Check("counters", database.counters, database.recount, "counted again"),
    Check("plan", database.plan),
    Check("temporary", outputs.temporary, outputs.sweep, "deleted"),
    Check("leases", work.leases, work.recover_workers, "released"),
    Check("workers", work.workers, work.recover_workers, "taken over from"),
    Check("stale_outputs", outputs.stale_outputs, outputs.remove_stale_outputs, "deleted"),
    Check("files", outputs.files, outputs.rebuild, AGAIN),
    Check("vectors", vectors.shards, outputs.rebuild, AGAIN),
    Check("space", vectors.space, outputs.rebuild, AGAIN),
    Check("rankings", vectors.rankings, outputs.rebuild, AGAIN),
    Check("runs", work.runs, work.close_runs, "closed"),
    Check("ready", machine.ready),
    Check("queues", queues.queues),
    Check("inodes", machine.inodes),
    Check("open files", machine.open_files),
    Check("processes", machine.processes),
)


@dataclass(frozen=True, slots=True)
class Looked:
    """A check and what it found."""

    check: Check
    findings: tuple[Finding, ...]

    @property
    def bad(self) -> list[Finding]:
        """What is to be done something about."""
        return [finding for finding in self.findings if finding.bad]


def examine(project: Project, *, building: bool) -> list[Looked]:
    """Run every check; `building` says whether another process is planning or building here.

    Raises:
        LedgerError: there is no ledger to look at.
    """
    with closing(Case(project, building=building)) as case:
        return [Looked(check, tuple(_look(check, case))) for check in CHECKS]


def _look(check: Check, case: Case) -> list[Finding]:
    if not (check.always or case.readable):
        return [note("not looked at: the ledger has to be mended first", case.name)]
    found: list[Finding] = []
    try:
        found.extend(check.look(case))
    except LedgerError as problem:  # one check that cannot go on does not keep the others back
        found.append(refused(problem))
    return found


def fix(project: Project, store: Store, looked: Iterable[Looked]) -> None:
    """Let every check that found something wrong fix it, if it can."""
    for item in looked:
        if item.bad and item.check.fix:
            item.check.fix(project, store, item.bad)
