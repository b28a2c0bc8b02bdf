"""Checks of the files: those of done jobs against their digests, temporary and stale ones."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ledger.coordinator import cleanup
from ledger.files import TEMPORARY_SUFFIX
from ledger.fingerprint import digest_chunks
from ledger.health.finding import MISSING, Damage, damaged, ok, warning
from ledger.health.progress import ProgressBar
from ledger.health.work import living
from ledger.planning.kinds import kinds_of_site
from ledger.project.load import STATE_FOLDER
from ledger.store import plan
from ledger.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from io import FileIO
    from pathlib import Path

    from ledger.health.context import CheckContext
    from ledger.health.finding import Finding
    from ledger.project.load import Project
    from ledger.store.rows import BuiltFile
    from ledger.store.store import Store

CHUNK_BYTES = 1 << 20
BATCH_FILES = 32


# -- files of done jobs ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hashed:
    """The files of done jobs that were hashed: their number, total size, and damages."""

    files: int
    bytes: int
    damages: tuple[Damage, ...]


def hash_outputs(root: Path, rows: Sequence[BuiltFile]) -> Hashed:
    """Compare files of done jobs with the size and digest recorded when they were published.

    Files of other jobs are left out: a worker that was killed between publishing and settling
    leaves a good new file and the digest of the old one. In threads, since reading and hashing
    release the interpreter lock.
    """
    batches = [rows[first : first + BATCH_FILES] for first in range(0, len(rows), BATCH_FILES)]
    damages: list[Damage] = []
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        with ProgressBar("files compared with their digests", len(rows)) as bar:
            for batch, faults in zip(
                batches, pool.map(lambda batch: _damages(root, batch), batches), strict=True
            ):
                damages += faults
                bar.advance(len(batch))
    finally:
        pool.shutdown(cancel_futures=True)
    return Hashed(len(rows), sum(row.bytes or 0 for row in rows), tuple(damages))


def _damages(root: Path, rows: Sequence[BuiltFile]) -> list[Damage]:
    found = []
    for row in rows:
        fault = _fault(root / row.path, row.bytes, row.digest)
        if fault:
            found.append(Damage(row.job, row.kind, row.path, fault))
    return found


def _fault(path: Path, size: int | None, digest: str | None) -> str:
    """Describe what is wrong with a file; empty if nothing is."""
    try:
        facts = path.lstat()
        if not stat.S_ISREG(facts.st_mode):
            return "is not a file"
        if digest is None:
            return "was never published, although its job is done"
        if facts.st_size != size:
            return f"has {facts.st_size:,} bytes instead of {size:,}"
        with path.open("rb", buffering=0) as file:
            return "" if digest_chunks(_chunks(file)) == digest else "has other bytes than it had"
    except (FileNotFoundError, NotADirectoryError):
        return MISSING
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def _chunks(file: FileIO) -> Iterator[bytes]:
    while chunk := file.read(CHUNK_BYTES):
        yield chunk


def files(context: CheckContext) -> Iterator[Finding]:
    """Every file of a done job exists, with its size and its digest."""
    hashed = hash_outputs(context.project.root, context.ledger.reports.finished_files())
    yield from map(damaged, hashed.damages)
    if not hashed.damages:
        yield ok(f"{counted(hashed.files, 'file')} of done jobs, {hashed.bytes / 1e6:,.1f} MB")


# -- building them again ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Requeued:
    """The numbers of jobs put back: those of damaged files, and those that may have built from one."""

    jobs: int = 0
    followers: int = 0


def rebuild(project: Project, store: Store, findings: Sequence[Finding]) -> None:
    """Requeue the jobs of what a check found damaged."""
    requeue(project, store, [finding.damage for finding in findings if finding.damage])


def requeue(project: Project, store: Store, damages: Sequence[Damage]) -> Requeued:
    """Requeue the jobs whose files are damaged, and all that may have built from a damaged one.

    The recorded size and digest of a damaged file are removed, since publishing skips a file that
    has its size and its inputs. A damaged artefact (vectors, cosines, rankings, entries) may have
    gone into every file made since by a kind that needs its kind, directly or not: those hold the
    damage under a matching digest, and the time of the damage is not known. So all jobs of those
    kinds are requeued and rendered again even if their inputs are unchanged; files that come out
    the same are not rewritten. From a missing artefact nothing can have been built.
    """
    kinds = {damage.kind for damage in damages if damage.misleading}
    above = _above(project, kinds)
    with store.immediate():
        store.requeues.forget_outputs(damage.path for damage in damages)
        store.requeues.forget_inputs(above)
        jobs = {damage.job for damage in damages}
        put_back = sum(store.requeues.requeue_job(job) for job in sorted(jobs))
        followers = store.requeues.requeue_kinds(above)
    return Requeued(put_back, followers)


def _above(project: Project, kinds: Iterable[str]) -> set[str]:
    """The kinds that need one of these, directly or not."""
    known = kinds_of_site(project.settings.site.kind)
    found: set[str] = set()
    for name, kind in known.items():  # prerequisites first
        if found.union(kinds).intersection(kind.needs):
            found.add(name)
    return found


# -- temporary and stale files ----------------------------------------------------------------


def temporary(context: CheckContext) -> Iterator[Finding]:
    """No temporary file of a dead worker is left."""
    alive = _writers(context)
    paths = list(_temporary_files(context.project, alive))
    for path in paths:
        where = path.relative_to(context.project.root).as_posix()
        yield warning("a dead worker left a temp file", where)
    if not paths:
        yield ok("no temp file of a dead worker")


def _writers(context: CheckContext) -> list[int]:
    if context.building:
        return [row.id for row in context.ledger.runs.open_worker_rows()]
    return living(context.project, context.ledger)


def _temporary_files(project: Project, alive: Iterable[int]) -> Iterator[Path]:
    prefixes = tuple(f".{worker}." for worker in alive)
    for home in (project.output, project.root / STATE_FOLDER):
        for path in sorted(home.rglob(f"*{TEMPORARY_SUFFIX}")):
            if not path.name.startswith(prefixes):
                yield path


def sweep(project: Project, store: Store, findings: Sequence[Finding]) -> None:
    """Delete the temporary files of dead workers."""
    del findings
    cleanup.remove_temporary_files(project, living(project, store))


def stale_outputs(context: CheckContext) -> Iterator[Finding]:
    """No stale output waits to be deleted."""
    paths = plan.stale_outputs(context.ledger)
    for path in paths:
        yield warning(
            f"{path} belongs to no job any more and is not deleted yet",
            path,
            "ledger doctor --fix; one that stays lies behind a link out of the project: delete it by hand",
        )
    if not paths:
        yield ok("no file of an older plan is left")


def remove_stale_outputs(project: Project, store: Store, findings: Sequence[Finding]) -> None:
    """Delete the stale outputs."""
    del findings
    cleanup.remove_stale_outputs(project, store)
