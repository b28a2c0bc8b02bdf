"""What every view of a run does: take a snapshot at its times, and show it."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from ledger.views.meter import Meter

if TYPE_CHECKING:
    from collections.abc import Callable

    from ledger.views.meter import Watched
    from ledger.views.snapshot import Snapshot


class View:
    """A view of a run; this one measures the run and shows nothing (`--quiet`).

    Shows a snapshot at once, every `every` seconds, at Ctrl+C, and at the end. When its reader
    has gone (Ctrl+C ends `| tee` first), the run continues unseen: it still has jobs in flight to
    finish.
    """

    every = 1.0

    def __init__(self, meter: Meter | None = None) -> None:
        self._meter = meter or Meter()
        self._due = -math.inf
        self._interrupted = False
        self._unseen = False

    def __call__(self, watched: Watched) -> None:
        """Show the run if it is time to; called some twenty times a second."""
        now = time.monotonic()
        if now >= self._due or watched.interrupted != self._interrupted:
            self._due, self._interrupted = now + self.every, watched.interrupted
            self._try(self.show, watched)

    def close(self, watched: Watched) -> None:
        """Show the end; called once."""
        self._try(self.finish, watched)

    def _try(self, show: Callable[[Snapshot], None], watched: Watched) -> None:
        try:
            snapshot = self._meter.snapshot(watched)
            if not self._unseen:
                show(snapshot)
        except OSError:
            self._unseen = True

    def show(self, snapshot: Snapshot) -> None:
        """Show one moment."""

    def finish(self, snapshot: Snapshot) -> None:
        """Show the end."""
        self.show(snapshot)
