"""The lists of a blog: home, sections, tags, categories, authors, years, months and days."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ledger.sites.blog.addresses import address

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ledger.sites.blog.plan import BlogPlan
    from ledger.sites.blog.post import Post

# Sorts of lists with the folders of their URLs, of their overviews, and lengths of date prefixes.
TERMS = {"tags": "tags", "categories": "categories", "authors": "authors"}
OVERVIEWS = {**TERMS, "years": "archive"}
PERIODS = {"years": 4, "months": 7, "days": 10}


@dataclass(frozen=True, slots=True)
class List:
    """Posts in one language that share a tag, section, author or period, newest first.

    `sort` is one of the names in `[blog] lists`; `name` is the shared tag, section or period.
    """

    sort: str
    name: str
    language: str
    url: str
    members: list[int]


def make_lists(plan: BlogPlan) -> list[List]:
    """Return all lists that the settings ask for, ordered by language and sort."""
    lists: list[List] = []
    wanted = plan.blog.lists
    for code, language in plan.languages.items():
        members = _members(plan, code)
        if "index" in wanted:
            lists.append(List("index", "", code, f"{language.prefix}/", members))
        groups: dict[tuple[str, str], list[int]] = {}
        names: dict[tuple[str, str], dict[str, int]] = {}
        for position in members:
            for sort, where, name in _shelves(plan.posts[position], wanted):
                group = groups.setdefault((sort, where), [])
                if not group or group[-1] != position:
                    group.append(position)
                counted = names.setdefault((sort, where), {})
                counted[name] = counted.get(name, 0) + 1
        for (sort, where), group in sorted(groups.items()):
            # the most frequent spelling; ties go to the first in sort order
            spellings = names[sort, where]
            name = min(spellings, key=lambda spelled: (-spellings[spelled], spelled))
            lists.append(List(sort, name, code, f"{language.prefix}/{where}/", group))
    return lists


def _members(plan: BlogPlan, language: str) -> list[int]:
    """Return dated posts in a language, newest first; `fallback` adds those not translated to it."""
    members = []
    for position in range(len(plan.posts) - 1, -1, -1):
        post = plan.posts[position]
        if post.date is None:
            continue
        if post.language == language:
            members.append(position)
        elif plan.blog.fallback:
            group = plan.translations[post.translation]
            first = next(code for code in plan.languages if code in group)
            if language not in group and post.language == first:
                members.append(position)
    return members


def _shelves(post: Post, wanted: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    """Yield (sort, path, name) for each list that contains a post, except the index."""
    if "sections" in wanted and post.section:
        yield "sections", address(post.section), post.section
    for sort, folder in TERMS.items():
        if sort in wanted:
            for name in getattr(post, sort):
                yield sort, f"{folder}/{address(name)}", name
    date = (post.date or "")[:10]
    for sort, length in PERIODS.items():
        if sort in wanted:
            yield sort, date[:length].replace("-", "/"), date[:length]
