"""The view that suits where it is shown."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ledger.views import choose
from ledger.views.choose import make_view
from ledger.views.plain import JsonView, PlainView
from ledger.views.terminal import LiveView
from ledger.views.view import View


def chosen(monkeypatch: pytest.MonkeyPatch, *, tty: bool, term: str, **options: bool) -> type:
    """The class of the view for such a terminal."""
    stream = SimpleNamespace(isatty=lambda: tty, encoding="utf-8", write=None, flush=None)
    monkeypatch.setattr(choose.sys, "stderr", stream)
    monkeypatch.setenv("TERM", term)
    return type(make_view(**({"quiet": False, "as_json": False} | options)))


@pytest.mark.parametrize(
    ("tty", "term", "options", "view"),
    [
        (True, "xterm", {}, LiveView),
        (True, "dumb", {}, PlainView),
        (False, "xterm", {}, PlainView),
        (True, "xterm", {"as_json": True}, JsonView),
        (True, "xterm", {"quiet": True}, View),
    ],
)
def test_choice_of_view(
    monkeypatch: pytest.MonkeyPatch, tty: bool, term: str, options: dict[str, bool], view: type
) -> None:
    """Live on a terminal that can redraw, else lines; JSON or nothing when asked for."""
    assert chosen(monkeypatch, tty=tty, term=term, **options) is view
