"""Publishing: a file appears under its name whole or not at all, and only if its bytes are new."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from typing import TYPE_CHECKING

from ledger.errors import OS_REMEDIES, JobError
from ledger.files import TEMPORARY_SUFFIX
from ledger.fingerprint import digest_bytes, digest_chunks
from ledger.jobs import Published
from ledger.process.fault_points import Point, reached

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ledger.jobs import MadeFile, Output


# not O_EXCL: a temp file of that name can only be left from a ledger that was deleted
_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC

CHUNK_BYTES = 1 << 20


class Publisher:
    """Writes outputs below `root`, only into the folders named in `allowed`.

    `writer` is unique among all processes that ever write here: it makes temp names unique.
    """

    def __init__(self, root: Path, allowed: Sequence[str], writer: int) -> None:
        self._root = os.path.realpath(root)
        self._allowed = [os.path.realpath(root / folder) for folder in allowed]
        self._homes = tuple(f"{self._root}/{folder}/" for folder in allowed)
        self._writer = writer
        self._count = 0
        self._folders: set[str] = set()

    def publish(self, output: Output, known: Published | None) -> Published:
        """Bring the file at `output.path` up to date; returns what is now known of it.

        `known` is what the ledger noted when the file was last made. From the same inputs
        and with the size unchanged on disk, the bytes are not even made.

        Raises:
            JobError: the path leaves the allowed folders, or the disk refuses.
        """
        path = f"{self._root}/{output.path}"
        size = _size(path)
        if (
            known
            and known.inputs == output.inputs
            and known.bytes is not None
            and known.bytes == size
        ):
            return known
        data = b"".join(output.body())
        published = Published(output.path, len(data), digest_bytes(data), output.inputs)
        if size == len(data) and _same(path, data):
            return published
        try:
            self._write(path, data)
        except OSError as error:
            raise self._refusal(output.path, path, len(data), error) from error
        except ValueError as error:  # a NUL, which the planner's slugs never have
            raise JobError(
                f"cannot write {output.path!r}: {error}",
                remedy="correct the path in the job's kind",
            ) from error
        return published

    def publish_file(self, output: MadeFile, known: Published | None) -> Published:
        """Bring a file that is made already to `output.path`; it is gone from where it was.

        Raises:
            JobError: the path leaves the project, or the disk refuses.
        """
        del known
        path = f"{self._root}/{output.path}"
        with open(output.made, "rb", buffering=0) as file:  # noqa: PTH123
            size = os.fstat(file.fileno()).st_size
            digest = digest_chunks(iter(lambda: file.read(CHUNK_BYTES), b""))
        try:
            self._move(output.made, path)
        except OSError as error:
            raise self._refusal(output.path, path, size, error) from error
        return Published(output.path, size, digest, output.inputs)

    def _move(self, made: str, path: str) -> None:
        folder = os.path.dirname(path)  # noqa: PTH120
        if folder != self._root and folder not in self._folders:
            self._look_through(folder, self._root)
            self._folders.add(folder)
        reached(Point.TEMP_WRITTEN)
        try:
            os.replace(made, path)  # noqa: PTH105
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            # the folder lies on another disk: first there, then under its name
            self._count += 1
            temporary = f"{folder}/.{self._writer}.{self._count}{TEMPORARY_SUFFIX}"
            shutil.copyfile(made, temporary)
            os.replace(temporary, path)  # noqa: PTH105
            os.unlink(made)  # noqa: PTH108
        reached(Point.RENAMED)

    def _refusal(self, name: str, path: str, size: int, error: OSError) -> JobError:
        """An error that names the obstacle in the way of a file, or else the error of the disk."""
        what = f"cannot write {name}: {error.strerror}"
        remedy = OS_REMEDIES.get(error.errno or 0, "make room, or correct the permissions")
        if obstacle := self._obstacle(path):
            what, remedy = f"cannot write {name}: {obstacle}", "move it away"
        return JobError(
            what, context=f"{size:,} bytes", remedy=f"{remedy}, then `ledger retry --failed`"
        )

    def _obstacle(self, path: str) -> str | None:
        """Describe what stands where a folder of `path`, or the file itself, should be; None: nothing."""
        if os.path.isdir(path):  # noqa: PTH112
            return "a folder stands there"
        folder = os.path.dirname(path)  # noqa: PTH120
        found = None
        while len(folder) > len(self._root):
            if os.path.lexists(folder) and not os.path.isdir(folder):  # noqa: PTH112
                sort = "a link to nothing" if os.path.islink(folder) else "a file"  # noqa: PTH114
                found = f"{os.path.relpath(folder, self._root)} is {sort} where a folder should be"
            folder = os.path.dirname(folder)  # noqa: PTH120
        return found

    def _write(self, path: str, data: bytes) -> None:
        folder, _ = os.path.split(path)
        self._prepare(folder)
        self._count += 1
        # not `files.write_whole`: no fsync, no Path, and a name that is unique per writer. This
        # is the hot path; a file lost in a power cut is found by its digest at the next spawn.
        temporary = f"{folder}/.{self._writer}.{self._count}{TEMPORARY_SUFFIX}"
        try:
            file = os.open(temporary, _NEW, 0o644)
            reached(Point.TEMP_OPENED)
            try:
                view = memoryview(data)
                while view:
                    view = view[os.write(file, view) :]
            finally:
                os.close(file)
            reached(Point.TEMP_WRITTEN)
            os.replace(temporary, path)  # noqa: PTH105  str paths: this is the hot path
            reached(Point.RENAMED)
        except (OSError, ValueError):
            if os.path.lexists(temporary):
                os.unlink(temporary)  # noqa: PTH108
            raise

    def _prepare(self, folder: str) -> None:
        """Make the folder, once; refuse one that a link leads out of the allowed ones."""
        if folder in self._folders:
            return
        parent, name = os.path.split(folder)
        inside = folder.startswith(self._homes) and name not in ("", ".", "..")
        if inside:
            self._prepare(parent)
        if not (inside and _made_in(folder)):
            self._look_through(folder)
        self._folders.add(folder)

    def _look_through(self, folder: str, *homes: str) -> None:
        """Follow every link on the way to a folder, and make it if it is where it should be."""
        real = os.path.realpath(folder)
        allowed = homes or self._allowed
        if not any(real == home or real.startswith(home + os.sep) for home in allowed):
            raise JobError(
                f"{folder} is outside the project's output and state folders",
                context=f"it leads to {real}",
                remedy="remove the link, or the `..` in the path, then `ledger retry --failed`",
            )
        os.makedirs(folder, exist_ok=True)  # noqa: PTH103


def _made_in(folder: str) -> bool:
    """Make a folder whose parent is known to be ours; false if something is there that may be a link.

    What we make ourselves is none, so that nothing has to be followed: with a folder a page that
    is most of what a file costs.
    """
    try:
        os.mkdir(folder)  # noqa: PTH102
    except FileExistsError:
        return stat.S_ISDIR(os.lstat(folder).st_mode)
    return True


def _size(path: str) -> int | None:
    try:
        facts = os.stat(path, follow_symlinks=False)  # noqa: PTH116
    except (OSError, ValueError):  # if it matters, writing the file will say so
        return None
    return facts.st_size if stat.S_ISREG(facts.st_mode) else None


def _same(path: str, data: bytes) -> bool:
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123
            return file.read() == data
    except OSError:
        return False
