"""overview: the pages that list all tags, all categories, all authors and all years."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.fingerprint import fingerprint
from ledger.jobs import Planned
from ledger.sites.blog.addresses import file_of
from ledger.sites.blog.lists import OVERVIEWS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ledger.jobs import Job, Output
    from ledger.sites.blog.plan import BlogPlan
    from worker.context import Context

needs = ()
sites = ("blog",)
effects = False
VERSION = 1


def plan(plan: BlogPlan) -> Iterator[Planned]:
    """Plan a job for every language and sort that has lists."""
    look = plan.templates.digest("blog/overview.html")
    entries: dict[tuple[str, str], list[tuple[str, str, int]]] = {}
    for item in plan.lists:
        if item.sort in OVERVIEWS:
            entry = (item.name, item.url, len(item.members))
            entries.setdefault((item.language, item.sort), []).append(entry)
    for (code, sort), listed in entries.items():
        url = f"{plan.languages[code].prefix}/{OVERVIEWS[sort]}/"
        others = {
            other: f"{language.prefix}/{OVERVIEWS[sort]}/"
            for other, language in plan.languages.items()
            if other != code and (other, sort) in entries
        }
        listed.sort(key=lambda entry: (entry[0].casefold(), entry[0]), reverse=sort == "years")
        payload = {"language": code, "sort": sort, "url": url, "entries": listed, "others": others}
        inputs = fingerprint(VERSION, look, plan.language_fingerprint(code), payload)
        path = f"{plan.settings.site.output}/{file_of(url)}"
        yield Planned(url, inputs, (path,), payload)


def run(job: Job, context: Context) -> Iterable[Output]:
    """Render the page."""
    from worker.kinds.blog.pages import Blog

    blog, payload = Blog.of(context), job.payload
    code = payload["language"]
    entries = [
        {"name": name, "url": blog.href(url), "count": count}
        for name, url, count in payload["entries"]
    ]
    title = blog.site(code)["words"][payload["sort"]]
    page = blog.frame(code, payload["url"], payload["others"], title=title)
    yield blog.page(
        payload["url"], "blog/overview.html", job.fingerprint, code, page=page, entries=entries
    )
