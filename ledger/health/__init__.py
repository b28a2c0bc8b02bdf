"""The health of a project: a registry of checks, each a function that yields findings.

`ledger doctor` runs all of them; none of them writes. A check whose findings can be fixed safely
has a second function, which is called with them.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ledger.errors import LedgerError
from ledger.health import database, machine, outputs, queues, vectors, work
from ledger.health.context import CheckContext
from ledger.health.finding import Finding, note, refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ledger.project.load import Project
    from ledger.store.store import Store

    Look = Callable[[CheckContext], Iterable[Finding]]
    Fix = Callable[[Project, Store, Sequence[Finding]], None]


@dataclass(frozen=True, slots=True)
class Check:
    """A check by name; `done` describes what its `fix` did with each finding.

    `always`: it also runs when the ledger cannot be read.
    """

    name: str
    look: Look
    fix: Fix | None = None
    done: str = ""
    always: bool = False


AGAIN = "`ledger spawn` builds it again"

# Fixed in this order: the counters first, since every later change of a job moves them; runs
# after files, since `spawn` hashes the files of an open run and trusts those of a closed one.
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
    Check("workers", work.workers, work.recover_workers, "recovered"),
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
        """The findings that require action."""
        return [finding for finding in self.findings if finding.bad]


def examine(project: Project, *, building: bool) -> list[Looked]:
    """Run every check; `building`: another process is planning or building here.

    Raises:
        LedgerError: there is no ledger to check.
    """
    with closing(CheckContext(project, building=building)) as context:
        return [Looked(check, tuple(_look(check, context))) for check in CHECKS]


def _look(check: Check, context: CheckContext) -> list[Finding]:
    if not (check.always or context.readable):
        return [note("skipped: the ledger has to be repaired first", context.name)]
    found: list[Finding] = []
    try:
        found.extend(check.look(context))
    except LedgerError as problem:  # a check that cannot continue does not stop the others
        found.append(refused(problem))
    return found


def fix(project: Project, store: Store, looked: Iterable[Looked]) -> None:
    """Let every check fix what it found wrong, if it can."""
    for item in looked:
        if item.bad and item.check.fix:
            item.check.fix(project, store, item.bad)
