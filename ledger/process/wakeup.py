"""A bell that wakes the main thread, for signal handlers and other threads to ring."""

from __future__ import annotations

import os
import select
from contextlib import suppress


class Bell:
    """A pipe to oneself.

    Not a threading.Event: its lock is not reentrant, so a handler that interrupts the main
    thread within `wait` and calls `set` waits for ever for the thread that it interrupted.
    """

    def __init__(self) -> None:
        self._ear, self._button = os.pipe()
        os.set_blocking(self._ear, False)
        os.set_blocking(self._button, False)

    def ring(self) -> None:
        """Wake whoever waits, or waits next."""
        with suppress(BlockingIOError):  # full: it is ringing already
            os.write(self._button, b"!")

    def wait(self, seconds: float) -> bool:
        """Sleep that long, or until the bell rings; returns whether it rang."""
        rang, _, _ = select.select([self._ear], [], [], seconds)
        with suppress(BlockingIOError):
            os.read(self._ear, 4096)
        return bool(rang)

    def close(self) -> None:
        """Give the pipe back."""
        os.close(self._ear)
        os.close(self._button)
