"""Publishing: a file appears under its name whole or not at all, and only if its bytes are new."""

from __future__ import annotations

import os
import stat
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from ledger.digest import digest_bytes
from ledger.failures import JobError
from ledger.jobs import Published
from ledger.points import Point, reached
from ledger.tidy import TEMPORARY_SUFFIX

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ledger.jobs import Output


# not O_EXCL: a temp file of that name can only be left from a ledger that was deleted
_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC


class Publisher:
    """Writes outputs below `root`, only into the folders named in `allowed`.

    `writer` is unique among all processes that ever write here: it makes temp names unique.
    """

    def __init__(self, root: Path, allowed: Sequence[str], writer: int) -> None:
        self._root = os.path.realpath(root)
        self._allowed = [os.path.realpath(root / folder) for folder in allowed]
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
        path = os.path.join(self._root, *PurePosixPath(output.path).parts)  # noqa: PTH118
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
            raise JobError(
                f"cannot write {output.path}: {error.strerror}",
                context=f"{len(data):,} bytes",
                remedy="make room or mend the permissions, then `ledger retry --failed`",
            ) from error
        return published

    def _write(self, path: str, data: bytes) -> None:
        folder, _ = os.path.split(path)
        self._prepare(folder)
        self._count += 1
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
        except OSError:
            if os.path.lexists(temporary):
                os.unlink(temporary)  # noqa: PTH108
            raise

    def _prepare(self, folder: str) -> None:
        """Make the folder, once; refuse one that a link leads out of the allowed ones."""
        if folder in self._folders:
            return
        real = os.path.realpath(folder)
        if not any(real == home or real.startswith(home + os.sep) for home in self._allowed):
            raise JobError(
                f"{folder} is outside the project's output and state folders",
                context=f"it leads to {real}",
                remedy="remove the link, or the `..` in the path",
            )
        os.makedirs(folder, exist_ok=True)  # noqa: PTH103
        self._folders.add(folder)


def _size(path: str) -> int | None:
    try:
        facts = os.stat(path, follow_symlinks=False)  # noqa: PTH116
    except (FileNotFoundError, NotADirectoryError):
        return None
    return facts.st_size if stat.S_ISREG(facts.st_mode) else None


def _same(path: str, data: bytes) -> bool:
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123
            return file.read() == data
    except OSError:
        return False
