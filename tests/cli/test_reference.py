"""docs/cli.md is generated from the commands, and up to date."""

from __future__ import annotations

import runpy
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_reference_says_what_help_says(monkeypatch):
    """`bin/fix` writes the page again after an option or a help text has changed."""
    monkeypatch.setenv("COLUMNS", "40")  # the terminal's width must not matter

    made = runpy.run_path(str(DOCS / "make_cli.py"))["make_reference"]()

    assert made == (DOCS / "cli.md").read_text("utf-8")
