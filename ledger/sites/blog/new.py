"""New blogs: detection of a tree of posts, settings that fit it, and the starter blog."""

from __future__ import annotations

import itertools
import json
import os
import re
from typing import TYPE_CHECKING

from ledger.errors import BadInputError
from ledger.files import resource
from ledger.project.settings import SETTINGS_FILE
from ledger.project.starter import quoted, refuse_foreign, relative

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ledger.project.starter import Files

# The folder of posts: `content` in Hugo, Zola, Pelican and Ledger, `_posts` in Jekyll.
CONTENT_FOLDERS = ("content", "_posts")
LOOKED_AT = 50
_DATED = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}-.+\.md")
_FENCES = ("---", "+++", "{", "Title:", "title:")
_LANGUAGE = re.compile(r"^lang(?:uage)?[ \t]*[:=][ \t]*[\"']?([A-Za-z_-]+)", re.MULTILINE)
_CODE = re.compile(r"[a-z]{2,3}(?:[-_][A-Za-z]{2,4})?")
_DATE = re.compile(r"^(?:publish)?date[ \t]*[:=]", re.IGNORECASE | re.MULTILINE)

_SETTINGS = """\
# Settings of this Ledger blog. After an edit: `ledger init && ledger spawn`.

[site]
kind = "blog"
title = {title}
language = {language}          # the language at the root of the site
output = "site"                # the pages go here
url = {url}       # where the site will be: feeds and sitemap need it

[corpus]
path = {path}                  # the folder of posts

[blog]
languages = {languages}
permalink = "/{{year}}/{{month}}/{{day}}/{{slug}}/"
timezone = "UTC"               # of dates that do not say
per_page = 10
feeds = ["atom", "rss", "json"]
related = {related}                    # related posts under each; 0 for none

[menu]                         # what the top of every page links to
{menu}
"""


def content_folder(root: Path) -> Path | None:
    """Return the folder of posts below `root`, or None."""
    folders = (root / name for name in CONTENT_FOLDERS)
    return next((folder for folder in folders if folder.is_dir() and is_blog(folder)), None)


def is_blog(folder: Path) -> bool:
    """Whether at least half of the Markdown files are dated, by their names or front matter."""
    looked = dated = 0
    for path in itertools.islice(_markdown(folder), LOOKED_AT):
        looked += 1
        dated += _DATED.fullmatch(os.path.basename(path)) is not None or _says_date(path)  # noqa: PTH119
    return looked > 0 and dated * 2 >= looked


def _markdown(folder: Path) -> Iterator[str]:
    from ledger.sites.blog.files import walk

    try:
        yield from (path for path, name, _ in walk(folder) if name.endswith(".md"))
    except BadInputError:  # planning reports the problems of the tree
        return


def _head(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123
            return file.read(2000)
    except OSError:
        return ""


def _said_language(path: str) -> str:
    """Return the language in the front matter, or ""."""
    head = _head(path)
    found = _LANGUAGE.search(head) if head.startswith(_FENCES) else None
    return found[1] if found else ""


def _says_date(path: str) -> bool:
    head = _head(path)
    return head.startswith(_FENCES) and _DATE.search(head) is not None


def settings_text(corpus: str, folder: Path | None, title: str) -> str:
    """Return the contents of a new ledger.toml; its languages are those found in the folder."""
    found = _languages(folder) if folder else {"": 3, "de": 2, "fr": 1}
    unmarked = found.pop("", 0)
    # Unmarked files are in the site's own language, which nothing names: assume English.
    own = "en" if unmarked or "en" in found else max(found, key=lambda code: (found[code], code))
    others = sorted(code for code in found if code != own)
    return _SETTINGS.format(
        title=quoted(title), language=quoted(own), path=quoted(corpus),
        languages=json.dumps(others), related=0 if folder else 3,
        url=quoted("https://example.org"),
        menu='Tags = "/tags/"\nArchive = "/archive/"' + ("" if folder else '\nAbout = "/about/"'),
    )  # fmt: skip


def _languages(folder: Path) -> dict[str, int]:
    """Count files by the language code in folder, name or front matter; "" for files without one."""
    from ledger.sites.blog.languages import is_known

    counted: dict[str, int] = {}
    for path in _markdown(folder):
        first, _, rest = os.path.relpath(path, folder).replace(os.sep, "/").partition("/")
        stem = (rest or first).removesuffix(".md")
        end = stem.rpartition("/")[2].rpartition(".")
        marks = {first if rest else "", end[2] if end[0] else "", _said_language(path)}
        codes = {code for code in marks if _CODE.fullmatch(code) and is_known(code)}
        for code in codes or {""}:
            counted[code] = counted.get(code, 0) + 1
    return counted or {"": 0}


def starter_files() -> dict[str, Path]:
    """Return the files of the starter blog by their paths in the project."""
    folder = resource("templates") / "starter" / "blog"
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path for path in found}


def new_files(root: Path, source: Path | None, title: str) -> Files:
    """Return the files of a new blog: for posts that are named or found, else with the starter.

    Raises:
        LedgerError: the folder holds other things, and no posts.
    """
    folder = source or content_folder(root)
    if folder is not None:
        return {SETTINGS_FILE: settings_text(relative(folder, root), folder, title)}
    refuse_foreign(root, "name the folder of posts, as in `ledger init --kind blog posts/`")
    return {**starter_files(), SETTINGS_FILE: settings_text("content", None, title)}
