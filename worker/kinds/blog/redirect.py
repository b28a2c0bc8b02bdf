"""redirect: a page at every alias of a post, which redirects to the post."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.fingerprint import fingerprint
from ledger.jobs import Planned
from ledger.sites.blog.addresses import file_of

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
    """Plan a job for every alias."""
    look = plan.templates.digest("blog/redirect.html")
    for position, post in enumerate(plan.posts):
        for alias in plan.aliases(post):
            target = plan.urls[position]
            payload = {"target": target, "title": post.title, "language": post.language}
            inputs = fingerprint(VERSION, look, payload, plan.settings.site.url)
            yield Planned(
                alias, inputs, (f"{plan.settings.site.output}/{file_of(alias)}",), payload
            )


def run(job: Job, context: Context) -> Iterable[Output]:
    """Render the page."""
    from worker.kinds.blog.pages import Blog

    blog, payload = Blog.of(context), job.payload
    target = blog.absolute(payload["target"]) or blog.href(payload["target"])
    yield blog.page(
        job.key, "blog/redirect.html", job.fingerprint, payload["language"],
        target=target, title=payload["title"],
    )  # fmt: skip
