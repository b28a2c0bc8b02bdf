"""Shared by the kinds of a blog: posts as templates see them, cards, and the frame of every page."""

from __future__ import annotations

import json
from datetime import datetime
from email.utils import format_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from ledger.errors import JobError
from ledger.jobs import Output
from ledger.sites.blog.addresses import FEED_FILES, address, file_of, href
from ledger.sites.blog.files import MACROS
from ledger.sites.blog.languages import written
from ledger.sites.blog.lists import TERMS
from ledger.sites.blog.markdown import Rendered, Style, render
from ledger.sites.blog.post import Post

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ledger.corpus.ordered import OrderedDocument
    from ledger.jobs import Chunk
    from worker.context import Context
    from worker.kinds.blog.macros import Macros

FEED_TYPES = {
    "atom": ("application/atom+xml", "Atom"),
    "rss": ("application/rss+xml", "RSS"),
    "json": ("application/feed+json", "JSON Feed"),
}

# Posts that are read from the ledger together.
READ_AHEAD = 32


class Shown:
    """A post as templates see it; `content` and `contents` are filled in later."""

    def __init__(self, blog: Blog, document: OrderedDocument, post: Post) -> None:
        language = blog.languages[post.language]
        self.position = document.position
        self.language = post.language
        self.tag = language["tag"]
        self.url = document.slug
        self.href = blog.href(document.slug)
        self.whole = blog.absolute(document.slug)
        self.title = post.title
        self.date = post.date
        self.day = written(post.date, language) if post.date else ""
        self.updated = post.updated
        self.updated_day = written(post.updated, language) if post.updated else ""
        self.summary = post.summary
        self.tags = blog.terms("tags", post.tags, language)
        self.categories = blog.terms("categories", post.categories, language)
        self.authors = blog.terms("authors", post.authors, language)
        self.image = blog.absolute(post.image) if post.image.startswith("/") else post.image
        self.extra = post.extra
        self.contents: list[Any] = []
        self.content = Markup()

    @property
    def mail_date(self) -> str:
        """Return the date in the format of RSS."""
        return mail_date(self.date)


def mail_date(date: str | None) -> str:
    """Format a date as in mail (RFC 5322), which RSS requires."""
    return format_datetime(datetime.fromisoformat(date)) if date else ""


class Blog:
    """One worker's view of a blog; posts and cards are cached when first needed."""

    def __init__(self, context: Context) -> None:
        self._context = context
        facts = context.facts["blog"]
        self.languages: dict[str, dict[str, Any]] = facts["languages"]
        self.base: str = facts["base"]
        self._menus: dict[str, list[tuple[str, str]]] = facts["menus"]
        self.settings = context.settings.blog
        self.root = context.settings.site.url.removesuffix("/").removesuffix(self.base)
        self._posts: dict[int, tuple[OrderedDocument, Post]] = {}
        self._shown: dict[int, Shown] = {}
        self._cards: dict[tuple[int, str], str] = {}
        self._terms: dict[tuple[str, str, str], dict[str, str]] = {}

    @classmethod
    def of(cls, context: Context) -> Blog:
        """Return the instance of this worker."""
        return context.kept("blog", cls)

    @cached_property
    def style(self) -> Style:
        """The site's settings for Markdown."""
        blog = self.settings
        return Style(blog.typographer, blog.highlight, blog.raw_html)

    def href(self, url: str) -> str:
        """Return the href of a page of this site."""
        return href(url, self.base)

    def absolute(self, url: str) -> str:
        """Return the absolute URL of a page of this site; "" if the site's URL is not set."""
        return self.root + href(url, self.base) if self.root else ""

    def terms(
        self, sort: str, names: Iterable[str], language: Mapping[str, Any]
    ) -> list[dict[str, str]]:
        """Return tags, categories or authors with the URLs of their lists."""
        return [self._term(sort, name, language) for name in names]

    def _term(self, sort: str, name: str, language: Mapping[str, Any]) -> dict[str, str]:
        key = (sort, name, language["code"])
        if key not in self._terms:
            url = f"{language['prefix']}/{TERMS[sort]}/{address(name)}/"
            listed = sort in self.settings.lists
            self._terms[key] = {"name": name, "url": self.href(url) if listed else ""}
        return self._terms[key]

    def load(self, positions: Iterable[int]) -> None:
        """Load these posts, along with their neighbours, which are usually needed next."""
        missing = {at // READ_AHEAD for at in positions if at not in self._posts}
        wanted = [
            position
            for block in sorted(missing)
            for position in range(block * READ_AHEAD, (block + 1) * READ_AHEAD)
            if position not in self._posts
        ]
        if wanted:
            for document in self._context.documents.heads(wanted):
                self.take(document)

    def take(self, document: OrderedDocument) -> None:
        """Add a post whose document has been read already."""
        if document.position not in self._posts:
            post = Post.from_json(document.extra)
            if post is None:
                raise JobError(
                    f"{document.source} was planned by another version of the program",
                    remedy="run `ledger init` to plan again",
                )
            self._posts[document.position] = (document, post)

    def shown(self, position: int) -> Shown:
        """Return a post as templates see it."""
        if position not in self._shown:
            self.load([position])
            try:
                document, post = self._posts[position]
            except KeyError:
                raise JobError(
                    f"the plan has no post {position}", remedy="run `ledger init` to plan again"
                ) from None
            self._shown[position] = Shown(self, document, post)
        return self._shown[position]

    def card(self, position: int, language: str) -> str:
        """Return the HTML of a post in a list; rendered once, and reused in every list."""
        key = (position, language)
        if key not in self._cards:
            self._cards[key] = self._context.templates.render(
                "blog/card.html", post=self.shown(position), site=self.site(language)
            )
        return self._cards[key]

    def site(self, language: str) -> dict[str, Any]:
        """Return the template values about the site that all pages in a language share."""
        return self._sites[language]

    def _header(self, site: dict[str, Any]) -> Markup:
        """Render the top of every page in a language, once."""
        return Markup(self._context.templates.render("blog/header.html", site=site))  # noqa: S704

    @cached_property
    def _sites(self) -> dict[str, dict[str, Any]]:
        sites = {
            code: {
                **language,
                "base": self.base,
                "url": self._context.settings.site.url,
                "home": self.href(f"{language['prefix']}/"),
                "menu": [
                    {"name": name, "url": self.href(url) if url.startswith("/") else url}
                    for name, url in self._menus.get(code, ())
                ],
                "search": self.href(f"{language['prefix']}/search/")
                if self.settings.search
                else "",
                "languages": list(self.languages.values()),
            }
            for code, language in self.languages.items()
        }
        for site in sites.values():
            site["header"] = self._header(site)
        return sites

    def frame(
        self, language: str, url: str, others: Mapping[str, str], **more: Any
    ) -> dict[str, Any]:
        """Return the template value `page`, the metadata of the page at `url`.

        `others` are the URLs of the same page in other languages.
        """
        same = {language: url, **others}
        switch = [
            {
                "tag": other["tag"],
                "name": other["name"],
                "url": self.href(same.get(code, f"{other['prefix']}/")),
                "here": code == language,
            }
            for code, other in self.languages.items()
        ]
        alternates = [
            {"tag": self.languages[code]["tag"], "whole": self.absolute(same[code])}
            for code in self.languages
            if code in same
        ]
        feeds = self.feeds(
            more.pop("feeds", None) or f"{self.languages[language]['prefix']}/", language
        )
        return {
            "title": "", "description": "", "sort": "website", "image": "", "canonical": self.absolute(url),
            "alternates": alternates if len(alternates) > 1 else [], "switch": switch,
            "feeds": feeds, **more,
        }  # fmt: skip

    def feeds(self, url: str, language: str) -> list[dict[str, str]]:
        """Return the feeds of the list at `url`."""
        if not self.root:
            return []
        title = self.languages[language]["title"]
        return [
            {
                "type": FEED_TYPES[feed][0],
                "url": self.href(url + FEED_FILES[feed]),
                "name": FEED_TYPES[feed][1],
                "title": f"{title} ({FEED_TYPES[feed][1]})",
            }
            for feed in self.settings.feeds
        ]

    def rendered(
        self, document: OrderedDocument, links: Mapping[str, str], *, absolute: bool = False
    ) -> Rendered:
        """Render the text of a post as HTML; `absolute` makes its links absolute, for feeds."""
        front = self.root + self.base if absolute else self.base

        def resolve(target: str) -> str:
            if (known := links.get(target)) is not None:
                return href(known, front)
            if target.startswith("/") and not target.startswith("//"):
                return front + target
            return target

        post = self._posts[document.position][1]
        if not post.macros:
            return render(document.content, self.style, resolve)
        values = {"post": self.shown(document.position), "site": self.site(post.language)}
        text = self._macros.expand(document.content, post.source, post.body_line, values)
        rendered = render(text, self.style, resolve)
        return Rendered(self._macros.insert(rendered.html), rendered.headings)

    @cached_property
    def _macros(self) -> Macros:
        from worker.kinds.blog.macros import Macros

        return Macros(self._context.project.root / MACROS, self.settings.macro_seconds)

    def contents(self, positions: Sequence[int]) -> dict[int, OrderedDocument]:
        """Return the documents of posts, with their texts, by position."""
        return {document.position: document for document in self._context.documents.at(positions)}

    def page(self, url: str, template: str, inputs: str, language: str, **values: Any) -> Output:
        """Return the page at `url`; it is rendered only if its `inputs` have changed."""

        def body() -> Iterable[Chunk]:
            text = self._context.templates.render(template, site=self.site(language), **values)
            return [text.encode("utf-8", "replace")]

        return Output(self._context.site_path(file_of(url)), inputs, body)

    @staticmethod
    def markup(text: str) -> Markup:
        """Mark HTML from this program as safe: templates do not escape it."""
        return Markup(text)  # noqa: S704

    def file(self, url: str, inputs: str, body: Callable[[], str]) -> Output:
        """Return a file at `url` that is made without a template."""
        return Output(
            self._context.site_path(file_of(url)), inputs, lambda: [body().encode("utf-8")]
        )


def as_json(value: object) -> str:
    """Format JSON as the contents of a file."""
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"
