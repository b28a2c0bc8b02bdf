"""Writing a text file whole or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from ledger.coordinator.cleanup import TEMPORARY_SUFFIX
from ledger.errors import LedgerError

if TYPE_CHECKING:
    from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Bring a file to this text, which nobody ever sees in parts; others may read it.

    Raises:
        LedgerError: it cannot be written there.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY_SUFFIX}")
    try:
        with temporary.open("wb") as file:
            file.write(text.encode("utf-8", "backslashreplace"))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise LedgerError(
            f"{path} cannot be written: {error.strerror}",
            remedy="make its folder, or name another file with -o",
        ) from error
