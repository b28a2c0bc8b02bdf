"""Progress of checks that take longer than a second: a bar on a terminal, lines into a pipe."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, Self, TextIO

import click

if TYPE_CHECKING:
    from types import TracebackType

AFTER_SECONDS = 1.0
LINE_SECONDS = 5.0


class ProgressBar:
    """Shows how many of `total` items are done, once `after` seconds have passed.

    A bar on a terminal; otherwise a line every five seconds.
    """

    def __init__(
        self, label: str, total: int, stream: TextIO | None = None, after: float = AFTER_SECONDS
    ) -> None:
        self._label = label
        self._total = total
        self._stream = stream or sys.stderr
        self._done = 0
        self._live = self._stream.isatty()
        self._due = time.monotonic() + (after if self._live else max(after, LINE_SECONDS))
        self._bar: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, what: BaseException | None, _: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.render_finish()

    def advance(self, count: int) -> None:
        """Count `count` more items as done."""
        self._done += count
        if self._bar is not None:
            self._bar.update(count)
        elif time.monotonic() >= self._due:
            self._show()

    def _show(self) -> None:
        if self._live:
            self._bar = click.progressbar(
                length=self._total, label=self._label, file=self._stream, show_pos=True
            )
            self._bar.update(self._done)
            return
        click.echo(f"{self._label}: {self._done:,} of {self._total:,}", file=self._stream)
        self._due = time.monotonic() + LINE_SECONDS
