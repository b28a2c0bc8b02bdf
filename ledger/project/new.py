"""A new project: each kind of site gives its starter; this decides which, and writes it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ledger.errors import LedgerError
from ledger.files import write_whole
from ledger.project.load import parse_project
from ledger.project.settings import SETTINGS_FILE
from ledger.project.sites import DEFAULT, SITES, project_site

if TYPE_CHECKING:
    from ledger.project.starter import Files

QUEUES_ONLY = "bulk"


def new_files(root: Path, source: Path | None, kind: str | None = None) -> Files:
    """What has to be created to make `root` a project: contents, or the file to copy, by name.

    Without `kind`, the kind of site is the one that recognises what is there.

    Raises:
        LedgerError: it is unclear which corpus to use, or it is not there.
    """
    if (root / SETTINGS_FILE).exists():
        _check_same_source(root, source, kind)
        return {}
    if kind is not None and not SITES.knows(kind):
        known = ", ".join(SITES.names())
        raise LedgerError(f"no kind of site is called {kind!r}", remedy=f"use one of: {known}")
    if source is not None and not source.exists():
        raise LedgerError(f"no corpus at {source}", remedy="check the path")
    title = root.resolve().name.replace("-", " ").replace("_", " ").strip().capitalize() or "Poems"
    site = project_site(_recognised(root, source) if kind is None else kind)
    return site.new_files(root, source, title)


def _recognised(root: Path, source: Path | None) -> str:
    """The kind of site that what is there looks like."""
    for name in SITES.shipped:
        if project_site(name).recognises(root, source):
            return name
    return next((name for name in SITES.added() if _is_recognised(name, root, source)), DEFAULT)


def _is_recognised(name: str, root: Path, source: Path | None) -> bool:
    """The same of another package's site; a broken one is the concern of its own projects."""
    try:
        return project_site(name).recognises(root, source)
    except LedgerError:
        return False


def queues_project(root: Path) -> Files:
    """What makes `root` a project that has nothing but queues."""
    return new_files(root, None, QUEUES_ONLY)


def shipped_corpus(files: Files, path: str) -> Path | None:
    """Where the corpus of a new project is as long as nothing is written: with the program."""
    for name, content in files.items():
        if isinstance(content, Path) and (name == path or name.startswith(f"{path}/")):
            return content.parents[name.count("/") - 1] if name != path else content
    return None


def create(root: Path, files: Files) -> None:
    """Write them, each whole; ledger.toml last, since it makes the folder a project.

    Raises:
        LedgerError: one cannot be written.
    """
    root.mkdir(parents=True, exist_ok=True)
    for name in sorted(files, key=lambda name: name == SETTINGS_FILE):
        content = files[name]
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        data = content.read_bytes() if isinstance(content, Path) else content
        write_whole(root / name, data, remedy="let this user write there")


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
