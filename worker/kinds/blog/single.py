"""single: files of which a blog has one: 404 page, stylesheet, robots.txt, and the search pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.fingerprint import digest_bytes, fingerprint
from ledger.jobs import Output, Planned
from ledger.sites.blog.addresses import file_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ledger.jobs import Job
    from ledger.sites.blog.plan import BlogPlan
    from worker.context import Context

needs = ()
sites = ("blog",)
effects = False
VERSION = 1
NAMES = ("404.html", "robots.txt", "style.css")


def plan(plan: BlogPlan) -> Iterator[Planned]:
    """Plan a job for each file, unless the site has its own."""
    own = {asset.name for asset in plan.assets}
    for name in NAMES:
        if name in own:
            continue
        look = (
            digest_bytes(plan.templates.read_bytes(f"blog/{name}"))
            if name.endswith(".css")
            else plan.templates.digest(f"blog/{name}")
        )
        inputs = fingerprint(VERSION, look, plan.language_fingerprint(plan.settings.site.language))
        yield Planned(name, inputs, (f"{plan.settings.site.output}/{name}",))
    yield from _searches(plan)


def _searches(plan: BlogPlan) -> Iterator[Planned]:
    """Plan a search page for each language, if the site has a search index."""
    if plan.blog.search:
        look = plan.templates.digest("blog/search.html")
        urls = {code: f"{language.prefix}/search/" for code, language in plan.languages.items()}
        for code, url in urls.items():
            others = {other: there for other, there in urls.items() if other != code}
            payload = {"language": code, "others": others}
            inputs = fingerprint(VERSION, look, plan.language_fingerprint(code), payload)
            yield Planned(url, inputs, (f"{plan.settings.site.output}/{file_of(url)}",), payload)


def run(job: Job, context: Context) -> Iterable[Output]:
    """Make the file."""
    from worker.kinds.blog.pages import Blog

    blog, code = Blog.of(context), context.settings.site.language
    if job.payload:
        code, others = job.payload["language"], job.payload["others"]
        page = blog.frame(code, job.key, others, title=blog.site(code)["words"]["search"])
        yield blog.page(job.key, "blog/search.html", job.fingerprint, code, page=page)
        return
    url = f"/{job.key}"
    if job.key.endswith(".css"):
        data = context.templates.read_bytes(f"blog/{job.key}")
        yield Output(context.site_path(job.key), job.fingerprint, lambda: [data])
    elif job.key == "robots.txt":
        yield blog.page(
            url, "blog/robots.txt", job.fingerprint, code, sitemap=blog.absolute("/sitemap.xml")
        )
    else:
        page = blog.frame(code, url, {}, title=blog.site(code)["words"]["missing"], canonical="")
        yield blog.page(url, "blog/404.html", job.fingerprint, code, page=page)
