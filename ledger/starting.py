"""A new project: its ledger.toml, and the starter corpus for an empty folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from ledger.failures import LedgerError
from ledger.project import DEFAULT_THEMES, SETTINGS_FILE, parse_project
from ledger.resources import resource

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
    """The contents of a new ledger.toml."""
    themes = "\n".join(f"{name} = {_quoted(text)}" for name, text in DEFAULT_THEMES.items())
    return _SETTINGS.format(title=_quoted(title), path=_quoted(corpus), themes=themes)


def _quoted(text: str) -> str:
    # A JSON string is a TOML basic string, but for the escape of DEL.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def new_files(root: Path, source: Path | None) -> dict[str, str | Path]:
    """What has to be created to make `root` a project: contents, or the file to copy, by name.

    Raises:
        LedgerError: it cannot be told which corpus to use, or it is not there.
    """
    if (root / SETTINGS_FILE).exists():
        _check_same_source(root, source)
        return {}
    title = root.resolve().name.replace("-", " ").replace("_", " ").strip().capitalize() or "Poems"
    if source is not None:
        if not source.exists():
            raise LedgerError(f"no corpus at {source}", remedy="check the path")
        return {SETTINGS_FILE: settings_text(_relative(source, root), title)}
    if (root / STARTER_CORPUS).exists():
        return {SETTINGS_FILE: settings_text(STARTER_CORPUS, title)}
    if root.exists() and any(root.iterdir()):
        raise LedgerError(
            f"{root} is not empty and has no {SETTINGS_FILE}",
            remedy="name the corpus, as in `ledger init poems.json`, or begin in an empty folder",
        )
    starter = resource("templates") / "starter" / STARTER_CORPUS
    return {STARTER_CORPUS: starter, SETTINGS_FILE: settings_text(STARTER_CORPUS, title)}


def create(root: Path, files: dict[str, str | Path]) -> None:
    """Write them; ledger.toml last, since it makes the folder a project."""
    root.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        if isinstance(content, Path):
            shutil.copyfile(content, root / name)
        else:
            (root / name).write_text(content, encoding="utf-8")


def _check_same_source(root: Path, source: Path | None) -> None:
    if source is None:
        return
    text = (root / SETTINGS_FILE).read_text(encoding="utf-8")
    planned = parse_project(root, text).corpus_path
    if planned.resolve() != source.resolve():
        raise LedgerError(
            f"{root / SETTINGS_FILE} already names the corpus {planned}",
            remedy="edit [corpus] path there, or run `ledger init` without a path",
        )


def _relative(source: Path, root: Path) -> str:
    source, root = source.resolve(), root.resolve()
    inside = source.is_relative_to(root)
    return source.relative_to(root).as_posix() if inside else source.as_posix()
