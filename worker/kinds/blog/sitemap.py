"""sitemap: all pages for search engines, with their translations; split above 50,000 pages."""

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
# The protocol's limit for one file (sitemaps.org).
MAX_ENTRIES = 50_000
INDEX = "/sitemap.xml"


def plan(plan: BlogPlan) -> Iterator[Planned]:
    """Plan a job for every part and, if there are several, one for their index."""
    if not plan.settings.site.url:
        return
    look = plan.templates.digest("blog/sitemap.xml", "blog/sitemap_index.xml")
    entries = list(_entries(plan))
    parts = [entries[first : first + MAX_ENTRIES] for first in range(0, len(entries), MAX_ENTRIES)]
    urls = (
        [INDEX]
        if len(parts) == 1
        else [f"/sitemap-{number}.xml" for number in range(1, len(parts) + 1)]
    )
    jobs: list[tuple[str, dict[str, Any]]] = [
        (url, {"entries": part}) for url, part in zip(urls, parts, strict=True)
    ]
    if len(parts) > 1:
        jobs.append((INDEX, {"maps": urls}))
    for url, payload in jobs:
        inputs = fingerprint(VERSION, look, plan.settings.site.url, payload)
        yield Planned(url, inputs, (f"{plan.settings.site.output}/{file_of(url)}",), payload)


def _entries(plan: BlogPlan) -> Iterator[tuple[str, str | None, dict[str, str]]]:
    """Yield (URL, day of the last change, URLs by language tag) for every page."""
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
    """Render one file."""
    from worker.kinds.blog.pages import Blog

    blog, code = Blog.of(context), context.settings.site.language
    if "maps" in job.payload:
        maps = [blog.absolute(url) for url in job.payload["maps"]]
        yield blog.page(job.key, "blog/sitemap_index.xml", job.fingerprint, code, maps=maps)
        return
    entries = [
        {
            "url": blog.absolute(url),
            "date": date,
            "others": [(tag, blog.absolute(other)) for tag, other in others.items()],
        }
        for url, date, others in job.payload["entries"]
    ]
    yield blog.page(job.key, "blog/sitemap.xml", job.fingerprint, code, entries=entries)
