"""What the starters of all kinds of site share: the text of settings, and refusing to guess."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ledger.errors import LedgerError
from ledger.project.settings import SETTINGS_FILE

if TYPE_CHECKING:
    from pathlib import Path

Files = dict[str, "str | Path"]
"""What a new project consists of: the contents, or the file to copy, by path below its root."""


def quoted(text: str) -> str:
    """A text as TOML writes it: as JSON does, but for the escape of DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def relative(source: Path, root: Path) -> str:
    """The path of a corpus as settings name it: below the project where it lies there."""
    source, root = source.resolve(), root.resolve()
    inside = source.is_relative_to(root)
    return source.relative_to(root).as_posix() if inside else source.as_posix()


def refuse_foreign(root: Path, remedy: str) -> None:
    """Refuse a folder that holds other things: which of them is the corpus is not guessed.

    Raises:
        LedgerError: it is not empty.
    """
    if root.exists() and any(root.iterdir()):
        raise LedgerError(
            f"{root} is not empty and has no {SETTINGS_FILE}",
            remedy=f"{remedy}, or begin in an empty folder",
        )


def plain_settings(kind: str, root: Path, source: Path | None, title: str) -> str:
    """The contents of a ledger.toml that says no more than what the site is made from."""
    lines = ["[site]", f"kind = {quoted(kind)}", f"title = {quoted(title)}"]
    if source is not None:
        lines += ["", "[corpus]", f"path = {quoted(relative(source, root))}"]
    return "\n".join([*lines, ""])
