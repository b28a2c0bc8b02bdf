"""The view of a run that suits where it is shown."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, TextIO

from ledger.views.plain import JsonView, PlainView
from ledger.views.view import View

if TYPE_CHECKING:
    from ledger.views.meter import Meter


def make_view(*, quiet: bool, as_json: bool, meter: Meter | None = None) -> View:
    """Make a view that shows nothing, JSON, a live panel on a terminal, or else plain lines."""
    if quiet:
        return View(meter)
    if as_json:
        return JsonView(sys.stdout, meter)
    if _can_redraw(sys.stderr):
        from ledger.views.terminal import LiveView  # and with it rich

        return LiveView(sys.stderr, meter)
    return PlainView(sys.stderr, meter)


def _can_redraw(stream: TextIO) -> bool:
    able = os.environ.get("TERM", "dumb") not in ("dumb", "unknown")
    unicode = (stream.encoding or "").lower().startswith("utf")
    return stream.isatty() and able and unicode
