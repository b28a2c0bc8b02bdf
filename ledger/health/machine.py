"""Checks of the machine: SQLite, filesystems, free space, limits; and whether `spawn` would start."""

from __future__ import annotations

import os
import resource
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from ledger.coordinator.preflight import check_before_spawn
from ledger.errors import BadInputError
from ledger.health.finding import Finding, Severity, note, ok, warning
from ledger.project.load import STATE_FOLDER
from ledger.store import health
from ledger.store.connection import has_wal_reset_race, sqlite_version
from ledger.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ledger.health.context import CheckContext

NEEDED_SQLITE = (3, 38, 0)  # STRICT tables since 3.37, JSON built in since 3.38
# Files that a process has open besides the artefacts: the ledger with its -wal and -shm twice (the
# heartbeat has a connection of its own), state file, log, write lock, pipes, those of Python.
OPEN_FILES = 32
FILES_PER_CHILD = 2
THREADS_PER_WORKER = 3
NETWORKS = {
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "9p",
    "afs",
    "ceph",
    "lustre",
    "davfs",
    "vboxsf",
}
MEMORY = {"tmpfs", "ramfs"}


def sqlite(context: CheckContext) -> Iterator[Finding]:
    """SQLite is new enough, and has no known way to lose a commit."""
    del context
    yield sqlite_finding(sqlite_version())


def sqlite_finding(version: str) -> Finding:
    """Judge a version of SQLite."""
    remedy = "pip install pysqlite3, which bundles a current one"
    if tuple(int(part) for part in version.split(".")) < NEEDED_SQLITE:
        wanted = ".".join(map(str, NEEDED_SQLITE))
        what = f"SQLite {version} lacks STRICT tables or JSON, which came with {wanted}"
        return Finding(Severity.ERROR, what, "sqlite", remedy)
    if has_wal_reset_race(version):
        return note(
            f"SQLite {version} can lose commits in WAL mode: the ledger uses the slower rollback journal",
            "sqlite",
            remedy,
        )
    return ok(f"SQLite {version} with a write-ahead log")


# -- filesystems ------------------------------------------------------------------------------


def filesystems(context: CheckContext) -> Iterator[Finding]:
    """Ledger and output lie on a local disk, where locks and shared memory are reliable."""
    try:
        mounts = Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape")
    except OSError:
        yield note("this system does not report the kinds of its filesystems")
        return
    for what, path in (
        ("the ledger", context.project.state),
        ("the output", context.project.output),
    ):
        yield filesystem_finding(what, path, filesystem_of(path.resolve(), mounts))


def filesystem_of(path: Path, mounts: str) -> str:
    """The kind of filesystem that holds `path`, from the text of /proc/self/mountinfo."""
    best, kind = -1, "unknown"
    for line in mounts.splitlines():
        left, _, right = line.partition(" - ")
        place = Path(left.split(" ")[4].encode().decode("unicode_escape"))
        depth = len(place.parts)
        if path.is_relative_to(place) and depth >= best:  # the later mount covers the earlier
            best, kind = depth, right.split(" ")[0]
    return kind


def filesystem_finding(what: str, path: Path, kind: str) -> Finding:
    """Judge the kind of filesystem that the ledger or the output lies on."""
    if kind in NETWORKS or kind.startswith("fuse."):
        return warning(
            f"{what} lies on {kind}, where locks and the write-ahead log are not reliable",
            str(path),
            "build on a local disk, and copy the site from there",
        )
    if kind in MEMORY:
        return note(
            f"{what} lies in memory ({kind}), and is gone when the machine stops", str(path)
        )
    return ok(f"{what} lies on {kind}")


# -- space and limits -------------------------------------------------------------------------


def ready(context: CheckContext) -> Iterator[Finding]:
    """`ledger spawn` would start: its preflight checks pass, free space among them."""
    try:
        for text in check_before_spawn(context.project, context.ledger):
            yield note(text, str(context.project.root), "ledger init")
    except BadInputError as refusal:
        for problem in refusal.problems:
            yield Finding(
                Severity.ERROR, f"{problem.where} {problem.what}", problem.where, problem.remedy
            )
    else:
        free = shutil.disk_usage(context.project.root).free
        yield ok(f"`ledger spawn` would start; {free / 1e9:,.1f} GB free")


def inodes(context: CheckContext) -> Iterator[Finding]:
    """The filesystem can hold as many new files as are planned."""
    disk = os.statvfs(context.project.root)
    needed = health.count_unwritten_outputs(context.ledger)
    if (
        disk.f_files and disk.f_favail < needed
    ):  # some filesystems have no fixed number, and report 0
        yield warning(
            f"{counted(needed, 'new file')} planned, and the filesystem takes {disk.f_favail:,} more",
            str(context.project.root),
            "remove small files there, or move the project to a filesystem with more inodes",
        )
    else:
        yield ok(f"{counted(needed, 'new file')} planned, and enough inodes for them")


def open_files(context: CheckContext) -> Iterator[Finding]:
    """A worker may open as many files as the plan has artefacts, since it maps each."""
    artefacts = health.count_outputs(context.ledger, f"{STATE_FOLDER}/artefacts/*")
    needed = OPEN_FILES + max(artefacts, FILES_PER_CHILD * _workers(context))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < needed:
        yield warning(
            f"a process may open {soft:,} files, and may need {needed:,}",
            "RLIMIT_NOFILE",
            f"ulimit -n {needed} before `ledger spawn`"
            + (f" (the hard limit is {hard:,})" if hard < needed else ""),
        )
    else:
        yield ok(f"{needed:,} open files may be needed, {_limit(soft)} allowed")


def processes(context: CheckContext) -> Iterator[Finding]:
    """This user may start the workers: the limit counts all threads of a user, except root's."""
    workers = _workers(context)
    needed = THREADS_PER_WORKER * workers
    soft, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    if os.getuid() == 0 or soft == resource.RLIM_INFINITY:
        yield ok(f"{counted(workers, 'worker')} need {needed:,} threads, without a limit")
        return
    used = _threads()
    if used + needed > soft:
        yield warning(
            f"{counted(workers, 'worker')} need {needed:,} threads, {used:,} run, and {soft:,} are allowed",
            "RLIMIT_NPROC",
            f"ulimit -u {used + needed}, or fewer workers",
        )
    else:
        yield ok(
            f"{counted(workers, 'worker')} need {needed:,} threads; {used:,} run, {soft:,} are allowed"
        )


def _workers(context: CheckContext) -> int:
    """The number of workers of the last run, or of a `spawn` without a number."""
    last = context.ledger.runs.latest()
    return max(last.workers if last else 0, os.cpu_count() or 1)


def _threads() -> int:
    """The number of threads of this user; 0 without /proc."""
    total = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if process.stat().st_uid == os.getuid():
                total += len(list((process / "task").iterdir()))
        except OSError:
            continue
    return total


def _limit(number: int) -> str:
    return "any number" if number == resource.RLIM_INFINITY else f"{number:,}"
