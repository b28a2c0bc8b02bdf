"""Wake the main thread from signal handlers and other threads."""

from __future__ import annotations

import os
import select
from contextlib import suppress


class Wakeup:
    """A self-pipe.

    Not a threading.Event: its lock is not reentrant, so a handler that interrupts the main
    thread within `wait` and calls `set` waits forever for the thread that it interrupted.
    """

    def __init__(self) -> None:
        self._read_end, self._write_end = os.pipe()
        os.set_blocking(self._read_end, False)
        os.set_blocking(self._write_end, False)

    def notify(self) -> None:
        """Wake the thread that waits, or the next one to wait."""
        with suppress(BlockingIOError):  # full: a wakeup is pending already
            os.write(self._write_end, b"!")

    def wait(self, seconds: float) -> bool:
        """Sleep for `seconds`, or until `notify`; return whether that was called."""
        notified, _, _ = select.select([self._read_end], [], [], seconds)
        with suppress(BlockingIOError):
            os.read(self._read_end, 4096)
        return bool(notified)

    def close(self) -> None:
        """Close the pipe."""
        os.close(self._read_end)
        os.close(self._write_end)
