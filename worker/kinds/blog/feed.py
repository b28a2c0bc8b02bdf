"""feed: Atom, RSS 2.0 and JSON Feed of the newest posts, per language, tag and category."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from ledger.fingerprint import fingerprint
from ledger.jobs import Planned
from ledger.sites.blog.addresses import FEED_FILES, file_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ledger.jobs import Job, Output
    from ledger.sites.blog.plan import BlogPlan
    from worker.context import Context
    from worker.kinds.blog.pages import Blog, Shown

needs = ()
sites = ("blog",)
effects = False
VERSION = 1


def plan(plan: BlogPlan) -> Iterator[Planned]:
    """Plan a job for every list that has feeds; none while the site has no URL."""
    if not plan.settings.site.url or not plan.blog.feeds:
        return
    output = plan.settings.site.output
    look = plan.templates.digest("blog/atom.xml", "blog/rss.xml")
    wanted = ("index", "tags", "categories") if plan.blog.feed_terms else ("index",)
    for item in plan.lists:
        members = item.members[: plan.blog.feed_posts]
        if item.sort not in wanted or not members:
            continue
        links = {
            str(position): found
            for position in members
            if plan.posts[position].links and (found := plan.resolve(position))
        }
        payload = {
            "name": item.name, "language": item.language, "url": item.url, "members": members,
            "links": links,
        }  # fmt: skip
        shown = [
            (plan.cards[one], plan.text_fingerprint(plan.posts[one]), plan.posts[one].updated)
            for one in members
        ]
        inputs = fingerprint(
            VERSION,
            look,
            plan.language_fingerprint(item.language),
            item.url,
            item.name,
            shown,
            links,
        )
        paths = tuple(
            f"{output}/{file_of(item.url + FEED_FILES[feed])}" for feed in plan.blog.feeds
        )
        yield Planned(item.url, inputs, paths, payload)


def run(job: Job, context: Context) -> Iterable[Output]:
    """Render the feeds of one list."""
    from worker.kinds.blog.pages import Blog

    blog, payload = Blog.of(context), job.payload
    url, code = payload["url"], payload["language"]
    posts = _posts(blog, payload)
    title = blog.site(code)["title"]
    updated = max((post.updated or post.date or "" for post in posts), key=datetime.fromisoformat)
    feed = {
        "title": f"{title} – {payload['name']}" if payload["name"] else title,
        "url": blog.absolute(url), "home": blog.absolute(url), "updated": updated,
    }  # fmt: skip
    for sort in context.settings.blog.feeds:
        feed_url = url + FEED_FILES[sort]
        here = feed | {"self": blog.absolute(feed_url)}
        if sort == "json":
            yield blog.file(feed_url, job.fingerprint, partial(_json, here, blog.site(code), posts))
        else:
            template = f"blog/{sort}.xml"
            yield blog.page(
                feed_url, template, job.fingerprint, code, feed=_with_mail_date(here), posts=posts
            )


def _with_mail_date(feed: dict[str, Any]) -> dict[str, Any]:
    from worker.kinds.blog.pages import mail_date

    return feed | {"updated_mail": mail_date(feed["updated"])}


def _posts(blog: Blog, payload: dict[str, Any]) -> list[Shown]:
    """Return the posts with their content, in which all links are absolute."""
    members, links = payload["members"], payload["links"]
    blog.load(members)
    texts = blog.contents(members)
    shown = []
    for position in members:
        post = blog.shown(position)
        post.content = blog.markup(
            blog.rendered(texts[position], links.get(str(position), {}), absolute=True).html
        )
        shown.append(post)
    return shown


def _json(feed: dict[str, Any], site: dict[str, Any], posts: list[Shown]) -> str:
    """Serialise as JSON Feed 1.1 (jsonfeed.org/version/1.1)."""
    from worker.kinds.blog.pages import as_json

    items = []
    for post in posts:
        item: dict[str, Any] = {
            "id": post.whole, "url": post.whole, "title": post.title,
            "content_html": str(post.content), "date_published": post.date, "language": post.tag,
        }  # fmt: skip
        if post.summary:
            item["summary"] = post.summary
        if post.updated:
            item["date_modified"] = post.updated
        if post.authors:
            item["authors"] = [{"name": author["name"]} for author in post.authors]
        if post.tags:
            item["tags"] = [tag["name"] for tag in post.tags]
        items.append(item)
    return as_json(
        {
            "version": "https://jsonfeed.org/version/1.1", "title": feed["title"],
            "home_page_url": feed["home"], "feed_url": feed["self"], "language": site["tag"],
            "items": items,
        }
    )  # fmt: skip
