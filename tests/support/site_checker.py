"""Check a built site: links, anchors, ids, orphans, and HTML5 errors.

`check_site` reads every page of the tree, 2.6 GB of them in well under a minute: it searches the
bytes for the attributes in the form in which our templates write them. A page that holds them in
another form goes through Python's HTML parser instead. That the markup is well-formed at all is
vouched for by `check_html5`, which parses as the standard says: slowly, so a sample of the pages
of every kind.

    python tests/support/site_checker.py SITE
"""

from __future__ import annotations

import os
import posixpath
import random
import re
import sys
from array import array
from collections import Counter, defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from html import unescape
from html.parser import HTMLParser
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterable

FAST = {name: re.compile(rb' %s="([^"]*)"' % name) for name in (b"href", b"src", b"id")}
SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:")
ELSEWHERE = ("http:", "https:", "mailto:")  # not followed
UNLINKED = {"404.html"}  # the server's, nobody's link
FEW = 500  # pages that are not worth starting processes for


class Broken(NamedTuple):
    """One link of a page that leads nowhere, or where it must not."""

    page: str
    href: str
    why: str


@dataclass
class SiteReport:
    """What there is, and what is wrong with it."""

    pages: int = 0
    links: int = 0
    broken: list[Broken] = field(default_factory=list)
    duplicate_ids: list[tuple[str, str]] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether there is nothing to mend."""
        return not (self.broken or self.duplicate_ids or self.orphans)

    def __str__(self) -> str:
        sizes = [len(self.broken), len(self.duplicate_ids), len(self.orphans)]
        wrong = "{:,} broken, {:,} duplicate ids, {:,} orphans".format(*sizes)
        lines = [f"{self.pages:,} pages, {self.links:,} links: {wrong}"]
        lines += [f"{page}: {href!r} {why}" for page, href, why in self.broken[:20]]
        lines += [f"{page}: id {name!r} twice" for page, name in self.duplicate_ids[:20]]
        lines += [f"{page}: not reachable from index.html" for page in self.orphans[:20]]
        return "\n".join(lines)


def check_site(root: Path, processes: int | None = None) -> SiteReport:
    """Follow every link of every page below `root`."""
    root = root.resolve()
    files = sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    pages = [path for path in files if path.endswith(".html")]
    count = processes or (os.cpu_count() or 1 if len(pages) > FEW else 1)
    stripes = [pages[start::count] for start in range(count)]
    if count == 1:
        scans = [_scan(root, files, pages)]
    else:
        with ProcessPoolExecutor(count, mp_context=get_context("spawn")) as pool:
            scans = list(pool.map(_scan, repeat(root), repeat(files), stripes))
    report = SiteReport(pages=len(pages))
    targets: dict[str, array[int]] = {}
    for found, reached in scans:
        report.links += found.links
        report.broken += found.broken
        report.duplicate_ids += found.duplicate_ids
        targets |= reached
    report.broken.sort()
    report.duplicate_ids.sort()
    reachable = {"index.html"}
    ahead = ["index.html"] if "index.html" in targets else []
    while ahead:
        new = {files[number] for number in targets.get(ahead.pop(), ())} - reachable
        reachable |= new
        ahead += new
    report.orphans = [page for page in pages if page not in reachable | UNLINKED]
    return report


def _scan(
    root: Path, files: list[str], pages: list[str]
) -> tuple[SiteReport, dict[str, array[int]]]:
    """What is wrong with these pages, and which files (by number) each of them links to."""
    report = SiteReport()
    reached: dict[str, array[int]] = {}
    numbers = {path: number for number, path in enumerate(files)}
    ids_of = cache(lambda page: {_text(name) for name in _ids((root / page).read_bytes())})
    folders: dict[str, _Folder] = {}
    for page in pages:
        name = posixpath.dirname(page)
        folder = folders.setdefault(name, _Folder(name, numbers, ids_of))
        data = (root / page).read_bytes()
        hrefs, ids = _links(data), _ids(data)
        report.links += len(hrefs)
        if len(set(ids)) < len(ids):
            twice = (name for name, times in Counter(ids).items() if times > 1)
            report.duplicate_ids += [(page, _text(name)) for name in twice]
        if os.fsencode(root) in data:
            report.broken.append(Broken(page, str(root), "is the folder it was built in"))
        found = array("I")
        for href in set(hrefs):
            if href.startswith(b"#"):
                if unquote(_text(href[1:])) not in {_text(name) for name in ids}:
                    report.broken.append(Broken(page, _text(href), "no such id in that page"))
                continue
            target = folder[href]
            if isinstance(target, str):
                report.broken.append(Broken(page, _text(href), target))
            elif target is not None:
                found.append(target)
        reached[page] = found
    return report, reached


class _Folder(dict[bytes, "int | str | None"]):
    """From a link in a page of one folder to its file's number, what is wrong, or elsewhere."""

    def __init__(self, name, numbers, ids_of) -> None:
        super().__init__()
        self._name, self._numbers, self._ids_of = name, numbers, ids_of

    def __missing__(self, raw: bytes) -> int | str | None:
        self[raw] = result = self._resolve(_text(raw))
        return result

    def _resolve(self, href: str) -> int | str | None:
        if SCHEME.match(href):
            return None if href.lower().startswith(ELSEWHERE) else "must not be linked"
        if href.startswith(("/", "\\")):
            return "is absolute"
        path, _, fragment = href.partition("#")
        path = unquote(path.partition("?")[0])
        target = posixpath.normpath(posixpath.join(self._name, path))
        if not path or path.endswith("/") or target not in self._numbers:
            return "no such file"
        if fragment and unquote(fragment) not in self._ids_of(target):
            return "no such id in that page"
        return self._numbers[target]


def _text(raw: bytes) -> str:
    return unescape(raw.decode("utf-8", "replace"))


def _links(data: bytes) -> list[bytes]:
    return _values(data, b"href") + _values(data, b"src")


def _ids(data: bytes) -> list[bytes]:
    return _values(data, b"id")


def _values(data: bytes, name: bytes) -> list[bytes]:
    """The values of an attribute, as they are written."""
    found = FAST[name].findall(data)
    if name != b"id" and data.count(name + b"=") != len(found):
        return _parsed_values(data, name.decode())
    return found


def _parsed_values(data: bytes, name: str) -> list[bytes]:
    values: list[bytes] = []

    class Parser(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            values.extend((value or "").encode() for key, value in attrs if key == name)

    Parser().feed(data.decode("utf-8", "replace"))
    return values


def sample_pages(root: Path, each: int = 3, seed: int = 20) -> list[Path]:
    """Some pages of every kind: of every first folder and depth, with and without a `~`."""
    kinds: dict[tuple[str, int, bool], list[Path]] = defaultdict(list)
    for path in sorted(root.rglob("*.html")):
        parts = path.relative_to(root).parts
        kinds[parts[0], len(parts), "~" in path.name].append(path)
    chance = random.Random(seed)
    return [
        path
        for pages in kinds.values()
        for path in chance.sample(pages, min(each, len(pages)))
    ]  # fmt: skip


def check_html5(paths: Iterable[Path]) -> list[str]:
    """Every error that the HTML5 parsing rules find in these pages."""
    import html5lib
    from html5lib.constants import E

    errors = []
    for path in paths:
        parser = html5lib.HTMLParser()
        parser.parse(path.read_bytes(), transport_encoding="utf-8")
        errors += [
            f"{path}:{line}:{column}: {E[code] % values}"
            for (line, column), code, values in parser.errors
        ]
    return errors


def main() -> int:
    """Check the site named on the command line."""
    root = Path(sys.argv[1])
    report = check_site(root)
    errors = check_html5(sample_pages(root))
    sys.stdout.write("\n".join([str(report), f"{len(errors)} HTML5 errors", *errors[:20]]) + "\n")
    return 0 if report.ok and not errors else 1


if __name__ == "__main__":
    sys.exit(main())
