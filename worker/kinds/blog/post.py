"""post: the page of a dated post, or of an undated page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ledger.fingerprint import fingerprint
from ledger.jobs import Planned
from ledger.sites.blog.addresses import file_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ledger.jobs import Job, Output
    from ledger.sites.blog.plan import BlogPlan
    from worker.context import Context
    from worker.kinds.blog.pages import Blog, Shown

needs = ("rank-similar",)
sites = ("blog",)
effects = False
VERSION = 1
BLOCK = 256


def plan(plan: BlogPlan) -> Iterator[Planned]:
    """Plan a job for every post and page."""
    output = plan.settings.site.output
    template_inputs = {
        template: fingerprint(
            VERSION,
            plan.templates.digest(template),
            plan.artefacts.get("rank-similar"),
            plan.blog.related,
        )
        for template in {plan.template(post) for post in plan.posts}
    }
    newer, older = _neighbours(plan)
    cards = plan.cards
    above_lists = set(plan.intros.values())
    for position, post in enumerate(plan.posts):
        if position in above_lists:
            continue
        template = plan.template(post)
        group = plan.translations[post.translation]
        others = {code: plan.urls[other] for code, other in group.items() if code != post.language}
        payload: dict[str, Any] = {"position": position}
        if others:
            payload["others"] = others
        if links := plan.resolve(position) if post.links else {}:
            payload["links"] = links
        around = newer.get(position), older.get(position)
        if around != (None, None):
            payload["around"] = around
        if template not in _USUAL:
            payload["template"] = template
        seen = [cards[other] for other in around if other is not None]
        inputs = fingerprint(
            template_inputs[template], plan.language_fingerprint(post.language), plan.text_fingerprint(post), cards[position], seen,
            around[0] is None, others, links,
        )  # fmt: skip
        path = f"{output}/{file_of(plan.urls[position])}"
        yield Planned(post.identity, inputs, (path,), payload, position=position)


_USUAL = ("blog/post.html", "blog/page.html")


def _neighbours(plan: BlogPlan) -> tuple[dict[int, int], dict[int, int]]:
    """Return the next newer and the next older post in the same language, by position."""
    newer: dict[int, int] = {}
    older: dict[int, int] = {}
    last: dict[str, int] = {}
    for position, post in enumerate(plan.posts):
        if post.date is None:
            break
        if post.language in last:
            older[position] = last[post.language]
            newer[last[post.language]] = position
        last[post.language] = position
    return newer, older


def run(job: Job, context: Context) -> Iterable[Output]:
    """Render the page."""
    from worker.kinds.blog.pages import Blog

    blog = Blog.of(context)
    payload = job.payload
    document = context.document(job.key)
    around = payload.get("around", (None, None))
    blog.take(document)
    blog.load([position for position in around if position is not None])
    shown = blog.shown(payload["position"])
    rendered = blog.rendered(document, payload.get("links", {}))
    shown.contents = [heading for heading in rendered.headings if heading.level > 1]
    newer, older = (blog.shown(position) if position is not None else None for position in around)
    page = blog.frame(
        shown.language, shown.url, payload.get("others", {}), title=shown.title,
        description=shown.summary, sort="article", image=shown.image, ld=_linked_data(blog, shown),
    )  # fmt: skip
    template = payload.get("template") or _USUAL[shown.date is None]
    related = _related(job, context, blog, shown) if context.settings.blog.related else []
    yield blog.page(
        shown.url, template, fingerprint(job.fingerprint, [other.url for other in related]), shown.language,
        page=page, post=shown, content=blog.markup(rendered.html), newer=newer, older=older, related=related,
    )  # fmt: skip


def _linked_data(blog: Blog, shown: Shown) -> dict[str, Any] | None:
    """Return the schema.org data for search engines."""
    if not shown.date or not blog.root:
        return None
    data: dict[str, Any] = {
        "@context": "https://schema.org", "@type": "BlogPosting", "headline": shown.title,
        "datePublished": shown.date, "url": shown.whole, "inLanguage": shown.tag,
    }  # fmt: skip
    if shown.updated:
        data["dateModified"] = shown.updated
    if shown.authors:
        data["author"] = [{"@type": "Person", "name": author["name"]} for author in shown.authors]
    if shown.image:
        data["image"] = shown.image
    return data


def _related(job: Job, context: Context, blog: Blog, shown: Shown) -> list[Shown]:
    """Return the nearest posts in the same language."""
    position = job.payload["position"]
    rows = context.artefacts.block("rank-similar", position // BLOCK)
    ranked = rows[position % BLOCK].tolist()
    blog.load(ranked)
    near = (blog.shown(other) for other in ranked)
    fitting = [other for other in near if other.language == shown.language and other.date]
    return fitting[: context.settings.blog.related]
