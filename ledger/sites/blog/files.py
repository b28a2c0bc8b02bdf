"""The content tree of a blog: posts with their languages, and files that are copied unchanged."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ledger.errors import BadInputError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

SUFFIX = ".md"
MACROS = "macros"
_DRAFTS = "_drafts"
# Folders that are no section of a site: dates, and conventional folders of other generators.
_NO_SECTION = re.compile(r"[0-9]{1,4}|_posts|_drafts|posts?|blog|news|articles?")


@dataclass(frozen=True, slots=True)
class File:
    """One Markdown file. `name` is its path below the content folder, with `/`.

    `language` is the language in the path, or "". `neutral` is the path without the language,
    which all translations of a post share. `stem` is the name from which its URL is made.
    `intro` is true for the text above the list of its folder. `stamp` is (size in bytes, mtime
    in ns).
    """

    path: str
    name: str
    language: str
    neutral: str
    stem: str
    folders: list[str]
    section: str
    draft: bool
    intro: bool
    stamp: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that is copied. `name` is its path below the folder it is copied from.

    `beside` is true for files among the posts, and false for static files, whose URL is fixed.
    """

    path: str
    name: str
    stamp: tuple[int, int]
    beside: bool = True


@dataclass(frozen=True, slots=True)
class Tree:
    """A content tree: posts, and files that are copied."""

    files: list[File]
    assets: list[Asset]


def walk(folder: Path) -> Iterator[tuple[str, str, os.stat_result]]:
    """Yield (path, path below `folder`, stat) of all files, sorted by path; hidden ones are skipped.

    Raises:
        BadInputError: a folder cannot be listed, or a link leads out of it.
    """
    problems: list[Problem] = []
    top = os.path.realpath(folder)
    found = sorted(_below(str(folder), "", top, problems), key=lambda item: item[1])
    if problems:
        raise BadInputError(problems)
    yield from found


def _below(
    folder: str, name: str, top: str, problems: list[Problem]
) -> Iterator[tuple[str, str, os.stat_result]]:
    """Yield everything below one folder, by scandir, which distinguishes folders from files without stat."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                path = f"{name}{entry.name}"
                if entry.is_symlink() and not _stays(entry.path, top):
                    what = "is a link that leads out of the content, or nowhere"
                    problems.append(Problem(path, what, "put the file itself there"))
                elif entry.is_dir():
                    yield from _below(entry.path, f"{path}/", top, problems)
                elif entry.is_file():
                    yield entry.path, path, entry.stat()
    except OSError as error:
        what = f"cannot be listed: {error.strerror}"
        problems.append(Problem(name or folder, what, "make it readable"))


def _stays(path: str, top: str) -> bool:
    """Whether a link leads to a file inside `top`; links to folders could form a cycle."""
    real = os.path.realpath(path)
    return real.startswith(top + os.sep) and os.path.isfile(real)  # noqa: PTH113


def read_tree(folder: Path, languages: Mapping[str, str]) -> Tree:
    """Read a content folder. `languages` maps the lower-case name of a folder or suffix to a code."""
    tree = Tree([], [])
    for path, name, facts in walk(folder):
        stamp = (facts.st_size, facts.st_mtime_ns)
        if name.endswith(SUFFIX):
            tree.files.append(_file(path, name, stamp, languages))
        else:
            tree.assets.append(Asset(path, name, stamp))
    return tree


def _file(path: str, name: str, stamp: tuple[int, int], languages: Mapping[str, str]) -> File:
    *folders, last = name.removesuffix(SUFFIX).split("/")
    language = ""
    if folders and (known := languages.get(_tag(folders[0]))):
        language, folders = known, folders[1:]
    stem, _, end = last.rpartition(".")
    if stem and (known := languages.get(_tag(end))):
        language, last = known, stem
    neutral = "/".join([*folders, last])
    intro = last == "_index" or (last == "index" and not folders)
    if last == "index" and folders:  # a folder with a post and its pictures
        *folders, last = folders
    section = next((part for part in folders if not _NO_SECTION.fullmatch(part)), "")
    return File(
        path, name, language, neutral, last, folders, section, _DRAFTS in folders, intro, stamp
    )


def _tag(text: str) -> str:
    return text.lower().replace("_", "-")
