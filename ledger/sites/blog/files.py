"""The content tree of a blog: which files are posts, which are shown as they are, in which language."""

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
# what the folders of a post say of when it was written, or of which generator it was written for
_NO_SECTION = re.compile(r"[0-9]{1,4}|_posts|_drafts|posts?|blog|news|articles?")


@dataclass(frozen=True, slots=True)
class File:
    """One Markdown file. `name` is its path below the content folder, with `/`.

    `language` is what the path says, or nothing. `neutral` is the path without it, by which
    the translations of a post find each other. `stem` is the name that its URL is made from.
    `intro` says that it is what stands above the list of its folder. `stamp` is the size and the time of the last change, in ns.
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

    `beside` tells those that lie among the posts from those that are to keep their address.
    """

    path: str
    name: str
    stamp: tuple[int, int]
    beside: bool = True


@dataclass(frozen=True, slots=True)
class Tree:
    """What there is: posts, and files that are copied."""

    files: list[File]
    assets: list[Asset]


def walk(folder: Path) -> Iterator[tuple[str, str, os.stat_result]]:
    """(path, path below `folder`, facts) of all files below it, in order; hidden ones are left out.

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
    """Everything below one folder, by scandir: it knows folders from files without asking."""
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
    """Whether a link leads to something inside, and not to a folder that holds it itself."""
    real = os.path.realpath(path)
    return real.startswith(top + os.sep) and os.path.isfile(real)  # noqa: PTH113


def read_tree(folder: Path, languages: Mapping[str, str]) -> Tree:
    """All files of a content folder. `languages` gives the language of a folder or suffix, in small letters."""
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
    if last == "index" and folders:  # a folder that holds a post and its pictures
        *folders, last = folders
    section = next((part for part in folders if not _NO_SECTION.fullmatch(part)), "")
    return File(
        path, name, language, neutral, last, folders, section, _DRAFTS in folders, intro, stamp
    )


def _tag(text: str) -> str:
    return text.lower().replace("_", "-")
