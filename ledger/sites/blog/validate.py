"""Checks across the posts of a blog, before anything is built: problems, and notes for authors."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from ledger.errors import BadInputError, Problem
from ledger.files import find_conflicts

if TYPE_CHECKING:
    from ledger.sites.blog.plan import BlogPlan

_NOTES = {
    "control": "has a control character, which no page may hold; it is shown as U+FFFD",
    "foreign": "has tags of another generator ({% … %}, {{ … }}, {: … }), shown as text",
}


def validate(plan: BlogPlan) -> None:
    """Refuse what cannot be built; add notes on what may not look as intended.

    Raises:
        BadInputError: some posts cannot be built; the error lists all problems.
    """
    problems = _same_urls(plan)
    dangling = plan.dangling()
    if plan.blog.broken_links == "refuse":
        problems += dangling
    else:
        plan.notes += dangling
    if problems:
        raise BadInputError(problems)
    for post in plan.posts:
        plan.notes += [
            Problem(where, _NOTES[sort], "edit it, if it matters") for sort, where in post.notes
        ]
    plan.notes += _unknown_layouts(plan)
    if not plan.settings.site.url:
        what = "is not set, so there are no feeds and no sitemap, which need whole addresses"
        plan.notes.append(
            Problem("ledger.toml site.url", what, 'set it, as in url = "https://example.org"')
        )


def _same_urls(plan: BlogPlan) -> list[Problem]:
    """Posts that would be one file: an address belongs to one post."""
    sources = (post.source for post in plan.posts)
    remedy = "give one of the two another `slug`"
    return [
        Problem(source, f"has the address {url}, as {earlier} has", remedy)
        for url, earlier, source in find_conflicts(zip(plan.urls, sources, strict=True))
    ]


def _unknown_layouts(plan: BlogPlan) -> list[Problem]:
    """Return a note for each layout that posts name and the project has no template for."""
    wanted: dict[str, list[str]] = defaultdict(list)
    for post in plan.posts:
        if post.layout and not plan.has_layout(post.layout):
            wanted[post.layout].append(post.source)
    return [
        Problem(
            sources[0], f"and {len(sources) - 1:,} more ask for the layout {layout!r}; they get the usual one",
            f"add templates/blog/{layout}.html, if it matters",
        )
        for layout, sources in sorted(wanted.items())
    ]  # fmt: skip
