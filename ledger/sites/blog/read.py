"""Read the files of a blog, except unchanged ones whose posts are in the ledger."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from ledger.errors import Problem
from ledger.fingerprint import fingerprint
from ledger.sites.blog.post import Post, Reader

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ledger.project.settings import Settings
    from ledger.sites.blog.files import File

# A file changed more recently may be changed again within the resolution of its mtime.
FRESH_NS = 2_000_000_000


def read_files(
    files: Sequence[File], settings: Settings, languages: Mapping[str, str], known: Iterable[str]
) -> tuple[list[Post], list[Problem]]:
    """Return the posts of all files, in the order of `files`, and all problems.

    `known` are posts as stored in the ledger: files that have not changed since are not read.
    """
    before = {post.source: post for post in map(Post.from_json, known) if post}
    context = fingerprint(dict(languages), settings.blog.timezone, settings.blog.macros)
    now = time.time_ns()
    found: dict[str, Post] = {}
    unread: list[tuple[File, list[Any]]] = []
    for file in files:
        size, changed = file.stamp
        stamp = [size, changed, context] if now - changed > FRESH_NS else []
        post = before.get(file.name)
        if post and stamp and post.stamp == stamp:
            found[file.name] = post
        else:
            unread.append((file, stamp))
    reader = Reader(settings, languages)
    found |= {post.source: post for post in _read(reader, unread)}
    posts = [found[file.name] for file in files if file.name in found]
    return posts, reader.problems + reader.undeclared()


def _read(reader: Reader, unread: list[tuple[File, list[Any]]]) -> Iterator[Post]:
    """Read files; problems are collected in the reader."""
    limit = reader.settings.corpus.max_document_bytes
    for file, stamp in unread:
        size = file.stamp[0]
        if size > limit:
            what = f"has {size:,} bytes, more than the {limit:,} allowed"
            remedy = f"set [corpus] max_document_bytes = {size}, or take the file away"
            reader.problems.append(Problem(file.name, what, remedy))
            continue
        try:
            with open(file.path, "rb", buffering=0) as opened:  # noqa: PTH123  10,000 of them
                data = opened.read()
        except OSError as error:
            what = f"cannot be read: {error.strerror}"
            reader.problems.append(Problem(file.name, what, "make it readable"))
            continue
        yield reader.read(file, data, stamp)
