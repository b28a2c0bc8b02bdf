"""list: the pages of every index, section, tag, category, author, year, month and day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ledger.fingerprint import fingerprint
from ledger.jobs import Planned
from ledger.sites.blog.addresses import file_of, numbered
from worker.kinds.poems.urls import page_count

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ledger.jobs import Job, Output
    from ledger.sites.blog.lists import List
    from ledger.sites.blog.plan import BlogPlan
    from worker.context import Context

needs = ()
sites = ("blog",)
effects = False
VERSION = 1
# Pages of one list per job: enough jobs to occupy all workers, but not one for every page.
BLOCK = 50


def plan(plan: BlogPlan) -> Iterator[Planned]:
    """Plan a job for every block of pages of every list."""
    output, size = plan.settings.site.output, plan.blog.per_page
    look = plan.templates.digest("blog/list.html", "blog/card.html")
    urls = {(item.language, item.sort, _own(plan, item)): item.url for item in plan.lists}
    for item in plan.lists:
        others = {
            code: url
            for code in plan.languages
            if code != item.language and (url := urls.get((code, item.sort, _own(plan, item))))
        }
        pages = page_count(len(item.members), size)
        intro = plan.intros.get(item.url)
        above = [] if intro is None else [intro, plan.resolve(intro)]
        shown = [plan.text_fingerprint(plan.posts[intro]), above] if intro is not None else []
        inputs = fingerprint(
            VERSION,
            look,
            plan.language_fingerprint(item.language),
            size,
            item.name,
            pages,
            others,
            shown,
        )
        for first in range(1, pages + 1, BLOCK):
            last = min(first + BLOCK - 1, pages)
            members = item.members[(first - 1) * size : last * size]
            payload = {
                "sort": item.sort, "name": item.name, "language": item.language, "url": item.url,
                "members": members, "first": first, "pages": pages, "others": others, "mark": inputs, "intro": above,
            }  # fmt: skip
            paths = tuple(
                f"{output}/{file_of(numbered(item.url, number))}"
                for number in range(first, last + 1)
            )
            key = f"{item.url}{first}"
            yield Planned(
                key, fingerprint(inputs, [plan.cards[one] for one in members]), paths, payload
            )


def _own(plan: BlogPlan, item: List) -> str:
    """Return the URL of a list without its language prefix."""
    return item.url.removeprefix(plan.languages[item.language].prefix)


def run(job: Job, context: Context) -> Iterable[Output]:
    """Render one block of pages of a list."""
    from worker.kinds.blog.pages import Blog

    blog = Blog.of(context)
    payload, size = job.payload, context.settings.blog.per_page
    members, code, url = payload["members"], payload["language"], payload["url"]
    blog.load(members)
    title, intro = _title(payload, blog.site(code)), ""
    if payload["intro"]:
        at, links = payload["intro"]
        blog.load([at])
        title = blog.shown(at).title if payload["sort"] != "index" else ""
        intro = blog.markup(blog.rendered(blog.contents([at])[at], links).html)
    feeds = url if _has_feed(payload["sort"], context) else None
    for number in range(payload["first"], payload["first"] + page_count(len(members), size)):
        start = (number - payload["first"]) * size
        cards = "".join(blog.card(position, code) for position in members[start : start + size])
        others = payload["others"] if number == 1 else {}
        here = numbered(url, number)
        yield blog.page(
            here, "blog/list.html", fingerprint(payload["mark"], number, cards), code,
            page=blog.frame(code, here, others, title=title, feeds=feeds), cards=blog.markup(cards), intro=intro if number == 1 else "",
            number=number, pages=payload["pages"],
            newer=blog.href(numbered(url, number - 1)) if number > 1 else None,
            older=blog.href(numbered(url, number + 1)) if number < payload["pages"] else None,
        )  # fmt: skip


def _has_feed(sort: str, context: Context) -> bool:
    return sort in ("tags", "categories") and context.settings.blog.feed_terms


def _title(payload: dict[str, Any], site: dict[str, Any]) -> str:
    """Return the title of a list; months and days are formatted for the language."""
    from ledger.sites.blog.languages import written

    sort, name = payload["sort"], str(payload["name"])
    if sort == "months":
        return f"{site['month_titles'][int(name[5:]) - 1]} {name[:4]}"
    if sort == "days":
        return written(name, site)
    return f"#{name}" if sort == "tags" else name
