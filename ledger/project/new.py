"""A new project: its ledger.toml, and the starter corpus for an empty folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from ledger.errors import LedgerError
from ledger.project.load import DEFAULT_THEMES, SETTINGS_FILE, parse_project
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


def new_files(root: Path, source: Path | None, kind: str | None = None) -> dict[str, str | Path]:
    """What has to be created to make `root` a project: contents, or the file to copy, by name.

    Of which kind it is, is told by what is there, unless `kind` says it.

    Raises:
        LedgerError: it cannot be told which corpus to use, or it is not there.
    """
    if (root / SETTINGS_FILE).exists():
        _check_same_source(root, source, kind)
        return {}
    title = root.resolve().name.replace("-", " ").replace("_", " ").strip().capitalize() or "Poems"
    if source is not None and not source.exists():
        raise LedgerError(f"no corpus at {source}", remedy="check the path")
    if kind == "bulk":
        from ledger.sites.queues_only import SETTINGS

        return {SETTINGS_FILE: SETTINGS}
    if kind == "blog" or (kind is None and _looks_like_blog(root, source)):
        return _new_blog(root, source, title)
    if source is not None:
        return {SETTINGS_FILE: settings_text(_relative(source, root), title)}
    if (root / STARTER_CORPUS).exists():
        return {SETTINGS_FILE: settings_text(STARTER_CORPUS, title)}
    _refuse_foreign(root, "name the corpus, as in `ledger init poems.json`")
    starter = resource("templates") / "starter" / STARTER_CORPUS
    return {STARTER_CORPUS: starter, SETTINGS_FILE: settings_text(STARTER_CORPUS, title)}


def _refuse_foreign(root: Path, remedy: str) -> None:
    if root.exists() and any(root.iterdir()):
        raise LedgerError(
            f"{root} is not empty and has no {SETTINGS_FILE}",
            remedy=f"{remedy}, or begin in an empty folder",
        )


def _looks_like_blog(root: Path, source: Path | None) -> bool:
    from ledger.sites.blog.new import content_folder, is_blog

    if source is None:
        return content_folder(root) is not None
    return source.is_dir() and is_blog(source)


def _new_blog(root: Path, source: Path | None, title: str) -> dict[str, str | Path]:
    from ledger.sites.blog import new as blog

    folder = source or blog.content_folder(root)
    if folder is not None:
        text = blog.settings_text(_relative(folder, root), folder, title)
        return {SETTINGS_FILE: text}
    _refuse_foreign(root, "name the folder of posts, as in `ledger init --kind blog posts/`")
    text = blog.settings_text("content", None, title)
    return {**blog.starter_files(), SETTINGS_FILE: text}


def shipped_corpus(files: dict[str, str | Path], path: str) -> Path | None:
    """Where the corpus of a new project is as long as nothing is written: with the program."""
    for name, content in files.items():
        if isinstance(content, Path) and (name == path or name.startswith(f"{path}/")):
            return content.parents[name.count("/") - 1] if name != path else content
    return None


def create(root: Path, files: dict[str, str | Path]) -> None:
    """Write them; ledger.toml last, since it makes the folder a project."""
    root.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Path):
            shutil.copyfile(content, root / name)
        else:
            (root / name).write_text(content, encoding="utf-8")


def _check_same_source(root: Path, source: Path | None, kind: str | None) -> None:
    if source is None and kind is None:
        return
    text = (root / SETTINGS_FILE).read_text(encoding="utf-8")
    project = parse_project(root, text)
    planned, site = project.corpus_path, project.settings.site.kind
    if kind not in (None, site):
        raise LedgerError(
            f"{root / SETTINGS_FILE} is that of a site of kind {site!r}",
            remedy="edit [site] kind there, or begin in another folder",
        )
    if source is not None and planned.resolve() != source.resolve():
        raise LedgerError(
            f"{root / SETTINGS_FILE} already names the corpus {planned}",
            remedy="edit [corpus] path there, or run `ledger init` without a path",
        )


def _relative(source: Path, root: Path) -> str:
    source, root = source.resolve(), root.resolve()
    inside = source.is_relative_to(root)
    return source.relative_to(root).as_posix() if inside else source.as_posix()
