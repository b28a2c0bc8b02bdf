"""sitemap: every page for search engines, with its translations; in parts from 50,000 pages on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ledger.fingerprint import fingerprint
from ledger.jobs import Planned
from ledger.sites.blog.addresses import file_of, numbered
from worker.kinds.poems.urls import page_count

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ledger.jobs import Job, Output
    from ledger.sites.blog.plan import BlogPlan
    from worker.context import Context

needs = ()
sites = ("blog",)
effects = False
VERSION = 1
# what the protocol allows in one file (sitemaps.org)
MOST = 50_000
WHOLE = "/sitemap.xml"


def plan(plan: BlogPlan) -> Iterator[Planned]:
    """A job for every part, and one for their index where there are several."""
    if not plan.settings.site.url:
        return
    look = plan.templates.digest("blog/sitemap.xml", "blog/sitemap_index.xml")
    entries = list(_entries(plan))
    parts = [entries[first : first + MOST] for first in range(0, len(entries), MOST)]
    urls = (
        [WHOLE]
        if len(parts) == 1
        else [f"/sitemap-{number}.xml" for number in range(1, len(parts) + 1)]
    )
    jobs: list[tuple[str, dict[str, Any]]] = [
        (url, {"entries": part}) for url, part in zip(urls, parts, strict=True)
    ]
    if len(parts) > 1:
        jobs.append((WHOLE, {"maps": urls}))
    for url, payload in jobs:
        mark = fingerprint(VERSION, look, plan.settings.site.url, payload)
        yield Planned(url, mark, (f"{plan.settings.site.output}/{file_of(url)}",), payload)


def _entries(plan: BlogPlan) -> Iterator[tuple[str, str | None, dict[str, str]]]:
    """(URL, day of the last change, the same in all its languages) of every page."""
    tags = {code: language.tag for code, language in plan.languages.items()}
    for position, post in enumerate(plan.posts):
        if plan.urls[position] in plan.intros:
            continue
        group = plan.translations[post.translation]
        others = {tags[code]: plan.urls[other] for code, other in group.items()}
        changed = (post.updated or post.date or "")[:10] or None
        yield plan.urls[position], changed, others if len(others) > 1 else {}
    for item in plan.lists:
        newest = max(((plan.posts[one].date or "")[:10] for one in item.members[:1]), default="")
        for number in range(1, page_count(len(item.members), plan.blog.per_page) + 1):
            yield numbered(item.url, number), newest or None, {}


def run(job: Job, context: Context) -> Iterable[Output]:
    """One file."""
    from worker.kinds.blog.pages import Blog

    blog, code = Blog.of(context), context.settings.site.language
    if "maps" in job.payload:
        maps = [blog.whole(url) for url in job.payload["maps"]]
        yield blog.page(job.key, "blog/sitemap_index.xml", job.fingerprint, code, maps=maps)
        return
    entries = [
        {
            "url": blog.whole(url),
            "date": date,
            "others": [(tag, blog.whole(other)) for tag, other in others.items()],
        }
        for url, date, others in job.payload["entries"]
    ]
    yield blog.page(job.key, "blog/sitemap.xml", job.fingerprint, code, entries=entries)
