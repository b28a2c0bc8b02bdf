"""Outputs of done jobs: find those that are damaged or lost, and requeue their jobs."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ledger.coordinator.progress import ProgressBar
from ledger.fingerprint import digest_chunks
from ledger.planning.kinds import kinds_of_site

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from io import FileIO
    from pathlib import Path

    from ledger.project.load import Project
    from ledger.store.rows import BuiltFile
    from ledger.store.store import Store

CHUNK_BYTES = 1 << 20
BATCH_FILES = 32
MISSING = "is missing"


@dataclass(frozen=True, slots=True)
class Damage:
    """A file that differs from what its done job made: the job, its kind, the path, the difference."""

    job: int
    kind: str
    path: str
    what: str

    @property
    def misleading(self) -> bool:
        """Whether there is a file that other jobs may have built from."""
        return self.what != MISSING


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
    from concurrent.futures import ThreadPoolExecutor  # not at every start of a run

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


@dataclass(frozen=True, slots=True)
class Requeued:
    """The numbers of jobs put back: those of damaged files, and those that may have built from one."""

    jobs: int = 0
    followers: int = 0


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


def requeue_lost_outputs(project: Project, store: Store) -> int:
    """Requeue the done jobs whose files are missing or of another size; return how many."""
    root = str(project.root)  # a Path for each of 20,000 files costs more than their stat
    lost = {
        row.job
        for row in store.reports.finished_outputs()
        if row.bytes is None or _size(f"{root}/{row.path}") != row.bytes
    }
    return store.requeue(lost) if lost else 0


def _size(path: str) -> int | None:
    try:
        facts = os.stat(path, follow_symlinks=False)  # noqa: PTH116  called for every page
    except OSError:
        return None
    return facts.st_size if stat.S_ISREG(facts.st_mode) else None
