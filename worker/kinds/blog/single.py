"""single: what a blog has one of: the page for what is missing, the style sheet, robots.txt, the search."""

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
    """A job for each, unless the site brings its own file."""
    own = {asset.name for asset in plan.assets}
    for name in NAMES:
        if name in own:
            continue
        look = (
            digest_bytes(plan.templates.read_bytes(f"blog/{name}"))
            if name.endswith(".css")
            else plan.templates.digest(f"blog/{name}")
        )
        mark = fingerprint(VERSION, look, plan.language_fingerprint(plan.settings.site.language))
        yield Planned(name, mark, (f"{plan.settings.site.output}/{name}",))
    yield from _searches(plan)


def _searches(plan: BlogPlan) -> Iterator[Planned]:
    """A page to search in each language, if there is an index to be searched."""
    if plan.blog.search:
        look = plan.templates.digest("blog/search.html")
        urls = {code: f"{language.prefix}/search/" for code, language in plan.languages.items()}
        for code, url in urls.items():
            others = {other: there for other, there in urls.items() if other != code}
            payload = {"language": code, "others": others}
            mark = fingerprint(VERSION, look, plan.language_fingerprint(code), payload)
            yield Planned(url, mark, (f"{plan.settings.site.output}/{file_of(url)}",), payload)


def run(job: Job, context: Context) -> Iterable[Output]:
    """The file."""
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
            url, "blog/robots.txt", job.fingerprint, code, sitemap=blog.whole("/sitemap.xml")
        )
    else:
        page = blog.frame(code, url, {}, title=blog.site(code)["words"]["missing"], canonical="")
        yield blog.page(url, "blog/404.html", job.fingerprint, code, page=page)
