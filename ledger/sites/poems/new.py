"""A new site of poems: its settings, and the starter corpus for an empty folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.files import resource
from ledger.project.settings import SETTINGS_FILE
from ledger.project.starter import quoted, refuse_foreign, relative
from ledger.vectors.settings import DEFAULT_THEMES

if TYPE_CHECKING:
    from pathlib import Path

    from ledger.project.starter import Files

STARTER_CORPUS = "poems.json"

_SETTINGS = """\
# Settings of this Ledger project. After an edit: `ledger init && ledger spawn`.

[site]
kind = "poems"
title = {title}
language = "en"
output = "site"                # the pages go here

[corpus]
path = {path}
exclude = []                   # identities to leave out, such as "letters/12"

[pages]
depth = 200                    # how many documents a ranking lists, or "all"
per_page = 200                 # how many of them are on one page, or "all"

[embedding]
embedder = "wordllama"         # wordllama, minilm, openai, ollama or npy: see docs/embedding.md

[words]
count = 150                    # words in the cloud
min_length = 4

[themes]                       # every document is coloured by the nearest of these
{themes}
"""


def settings_text(corpus: str, title: str) -> str:
    """Return the contents of a new ledger.toml."""
    themes = "\n".join(f"{name} = {quoted(text)}" for name, text in DEFAULT_THEMES.items())
    return _SETTINGS.format(title=quoted(title), path=quoted(corpus), themes=themes)


def new_files(root: Path, source: Path | None, title: str) -> Files:
    """Return the files of a new site: for a corpus that is named or found, else with the starter.

    Raises:
        LedgerError: the folder holds other things, and no corpus is named.
    """
    if source is not None:
        return {SETTINGS_FILE: settings_text(relative(source, root), title)}
    if (root / STARTER_CORPUS).exists():
        return {SETTINGS_FILE: settings_text(STARTER_CORPUS, title)}
    refuse_foreign(root, "name the corpus, as in `ledger init poems.json`")
    starter = resource("templates") / "starter" / STARTER_CORPUS
    return {STARTER_CORPUS: starter, SETTINGS_FILE: settings_text(STARTER_CORPUS, title)}
