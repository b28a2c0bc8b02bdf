"""The plan of a blog: posts with their URLs, lists, links, and digests of what pages show."""

from __future__ import annotations

import posixpath
import re
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from ledger.corpus.ordered import OrderedDocument
from ledger.errors import BadInputError, Problem
from ledger.fingerprint import digest_bytes, fingerprint
from ledger.planning.plan import Plan
from ledger.sites.blog.addresses import FEED_FILES, address, permalink
from ledger.sites.blog.files import MACROS, Asset, read_tree, walk
from ledger.sites.blog.languages import site_languages, spellings
from ledger.sites.blog.lists import OVERVIEWS, make_lists
from ledger.sites.blog.read import read_files

if TYPE_CHECKING:
    from ledger.planning.plan import Known
    from ledger.project.settings import Project
    from ledger.sites.blog.post import Post
    from ledger.sites.blog.settings import BlogSettings

RANKED = 60


class BlogPlan(Plan):
    """The plan of a blog.

    `posts` are in chronological order, followed by undated pages by name; `urls` has the URL of
    each, with its language prefix and without the path of the site on its server.
    """

    def __init__(
        self, project: Project, posts: list[Post], assets: list[Asset], known: Known
    ) -> None:
        languages = site_languages(project.settings)
        blog: BlogSettings = project.settings.blog
        urls = [_url(post, languages[post.language].prefix, blog.permalink) for post in posts]
        super().__init__(project, _ordered(posts, urls), known)
        self.languages = languages
        self.blog = blog
        self.posts = posts
        self.assets = assets
        self.urls = urls
        self._resolved: dict[int, dict[str, str]] = {}
        fallback = self.translations if blog.fallback else {}
        self.lists = make_lists(posts, languages, blog.lists, fallback)
        places = {item.url for item in self.lists}
        self.intros = {
            url: position
            for position, (post, url) in enumerate(zip(posts, self.urls, strict=True))
            if post.intro and url in places
        }

    @property
    def embeds(self) -> bool:
        """Only related posts need vectors."""
        return self.blog.related > 0

    @property
    def depth(self) -> int:
        """Number of posts in a ranking: more than are shown, since other languages are filtered out."""
        return min(RANKED, max(0, len(self.posts) - 1)) if self.blog.related else 0

    @cached_property
    def base(self) -> str:
        """The path of the site on its server, without a slash at its end."""
        return re.sub(r"^[a-z]+://[^/]*", "", self.settings.site.url).rstrip("/")

    @cached_property
    def cards(self) -> list[str]:
        """Digests, by position, of what lists and neighbours show of a post."""
        return [
            fingerprint(
                url, post.title, post.date, post.summary, post.tags, post.categories, post.authors,
                post.image, post.extra,
            )
            for url, post in zip(self.urls, self.posts, strict=True)
        ]  # fmt: skip

    @cached_property
    def translations(self) -> dict[str, dict[str, int]]:
        """Positions by language, for each key that the translations of a post share."""
        groups: dict[str, dict[str, int]] = {}
        for position, post in enumerate(self.posts):
            groups.setdefault(post.translation, {}).setdefault(post.language, position)
        return groups

    @cached_property
    def addresses(self) -> dict[str, str]:
        """URLs of all content files, by path below the content folder."""
        found = {post.source: url for post, url in zip(self.posts, self.urls, strict=True)}
        return found | self.asset_urls

    @cached_property
    def asset_urls(self) -> dict[str, str]:
        """URLs of copied files by name; the URL contains a digest if the settings ask for it."""
        return {
            asset.name: _hashed(asset.name, digest) if digest else f"/{asset.name}"
            for asset in self.assets
            for digest in [self.asset_digests.get(asset.name)]
        }

    @cached_property
    def asset_digests(self) -> dict[str, str]:
        """Digests of files among posts, if their URLs contain them; unchanged files are not read."""
        if not self.blog.hash_assets:
            return {}
        known = {
            (key, *payload["stamp"]): payload["digest"]
            for key, (payload, _) in self.existing("asset").items()
            if payload.get("digest")
        }
        return {
            asset.name: known.get((asset.name, *asset.stamp))
            or digest_bytes(Path(asset.path).read_bytes())
            for asset in self.assets
            if asset.beside
        }

    @cached_property
    def targets(self) -> frozenset[str]:
        """All URLs of the site that a link may refer to."""
        assets = self.asset_urls.values()
        searches = (f"{language.prefix}/search/" for language in self.languages.values())
        overviews = {
            f"{self.languages[item.language].prefix}/{OVERVIEWS[item.sort]}/"
            for item in self.lists
            if item.sort in OVERVIEWS
        }
        feeds = {f"{item.url}{FEED_FILES[feed]}" for item in self.lists for feed in self.blog.feeds}
        lists = (item.url for item in self.lists)
        return frozenset(
            [*self.urls, *assets, *lists, *overviews, *(feeds if self.settings.site.url else ()),
             *(searches if self.blog.search else ())]
        )  # fmt: skip

    @cached_property
    def menus(self) -> dict[str, list[tuple[str, str]]]:
        """(name, URL) of the menu entries, by language; pages in that language are preferred."""
        own = self.languages[self.settings.site.language].words
        known = {f"/{place}/": own[sort] for sort, place in OVERVIEWS.items()}
        sorts = {f"/{place}/": sort for sort, place in OVERVIEWS.items()}
        found: dict[str, list[tuple[str, str]]] = {}
        for code, language in self.languages.items():
            for name, url in self.settings.menu.items():
                there = f"{language.prefix}{url}"
                translated = language.words[sorts[url]] if known.get(url) == name else name
                entry = (translated, there) if there in self.targets else (name, url)
                found.setdefault(code, []).append(entry)
        return found

    def resolve(self, position: int) -> dict[str, str]:
        """Map the link targets of a post to URLs; broken links are left out."""
        if position not in self._resolved:
            post, url = self.posts[position], self.urls[position]
            found = ((target, self._resolve(target, post, url)) for target in post.links)
            self._resolved[position] = {target: there for target, there in found if there}
        return self._resolved[position]

    def _resolve(self, target: str, post: Post, url: str) -> str | None:
        cut = re.search("[?#]", target)
        path, rest = (target[: cut.start()], target[cut.start() :]) if cut else (target, "")
        path = unquote(path)
        if path.startswith("@/"):  # Zola's syntax: relative to the content folder
            found = self.addresses.get(path[2:])
            return found and found + rest
        beside = posixpath.normpath(
            posixpath.join(posixpath.dirname(post.source), path.lstrip("/"))
        )
        below = posixpath.normpath(path.lstrip("/"))
        for name in (below,) if path.startswith("/") else (beside, below):
            if found := self.addresses.get(name):
                return found + rest
        joined = posixpath.normpath(posixpath.join(url, path))
        for guess in (f"{joined}/", joined):
            if guess in self.targets or guess == "//":
                return guess.replace("//", "/") + rest
        return None

    @cached_property
    def facts(self) -> dict[str, Any]:
        """The facts of the plan for the workers."""
        blog = {
            "languages": {code: language.as_dict() for code, language in self.languages.items()},
            "base": self.base,
            "menus": self.menus,
        }
        return super().facts | {"blog": blog}

    def language_fingerprint(self, code: str) -> str:
        """Return a digest of what every page in a language shows besides its own content."""
        return self._fingerprints[code]

    @cached_property
    def _fingerprints(self) -> dict[str, str]:
        names = [(item.code, item.name, item.prefix) for item in self.languages.values()]
        site = [
            self.settings.site.url,
            dict(self.settings.menu),
            names,
            list(self.blog.feeds),
            self.blog.search,
        ]
        header = self.templates.digest("blog/header.html")
        style = [
            header,
            self.blog.typographer,
            self.blog.highlight,
            self.blog.raw_html,
            self.blog.per_page,
        ]
        return {
            code: fingerprint(site, style, language.as_dict(), self.menus.get(code))
            for code, language in self.languages.items()
        }

    def text_fingerprint(self, post: Post) -> str:
        """Return a digest of the inputs of a post's text: the file, and macros if they are on."""
        return fingerprint(post.mark, self._macros_fingerprint) if post.macros else post.mark

    @cached_property
    def _macros_fingerprint(self) -> str:
        """Digest of the files with the project's macros."""
        files = sorted((self.project.root / MACROS).glob("*.py"))
        return fingerprint([(path.name, digest_bytes(path.read_bytes())) for path in files])

    def aliases(self, post: Post) -> list[str]:
        """Return the URLs that redirect to a post; URLs of existing pages are left out."""
        found = dict.fromkeys(alias_url(alias) for alias in post.aliases)
        return [url for url in found if url and url not in self.targets]

    def has_layout(self, name: str) -> bool:
        """Whether the project has a template for the `layout` of that name."""
        return name in self._layouts

    @cached_property
    def _layouts(self) -> frozenset[str]:
        return frozenset(path.stem for path in (self.project.templates / "blog").glob("*.html"))

    def template(self, post: Post) -> str:
        """Return the template of a post or page."""
        usual = "post" if post.date else "page"
        return f"blog/{post.layout if self.has_layout(post.layout) else usual}.html"

    def dangling(self) -> list[Problem]:
        """Return a problem for every broken link within the site."""
        problems = []
        for position, post in enumerate(self.posts):
            if post.links:
                known = self.resolve(position)
                problems += [
                    Problem(
                        post.source,
                        f"links to {target}, which is not there",
                        "fix or remove the link",
                    )
                    for target in post.links
                    if target not in known
                ]
        return problems


def _url(post: Post, prefix: str, pattern: str) -> str:
    """The address of a post in the language with that prefix."""
    if post.url:
        own = prefix and not (post.url + "/").startswith(f"{prefix}/")
        return f"{prefix}{post.url}" if own else post.url
    if post.date:
        category = post.categories[0] if post.categories else ""
        return prefix + permalink(pattern, post.date, post.name, post.section, category)
    folders = [address(folder) for folder in post.folders if not folder.startswith("_")]
    if post.intro:
        return "/".join([prefix, *folders, ""])
    return f"{prefix}/{'/'.join([*folders, post.name])}/"


def _ordered(posts: list[Post], urls: list[str]) -> list[OrderedDocument]:
    """The posts as the ledger keeps them."""
    return [
        OrderedDocument(
            identity=post.identity, position=position, chronology=position,
            category=post.language, id=post.source, slug=url, label=post.title,
            title=post.title, author=", ".join(post.authors), source=post.source,
            date=post.date, content=post.body,
            digest=fingerprint(post.mark, post.stamp, post.language),
            text_digest=post.text_digest, extra=post.as_json(),
        )
        for position, (post, url) in enumerate(zip(posts, urls, strict=True))
    ]  # fmt: skip


def _hashed(name: str, digest: str) -> str:
    """Return `/img/p.3f2a1b9c04.png` for `img/p.png`, a URL that browsers may cache forever."""
    folder, _, last = name.rpartition("/")
    stem, dot, end = last.rpartition(".")
    made = f"{stem}.{digest[:10]}.{end}" if dot and stem else f"{last}.{digest[:10]}"
    return f"/{folder}/{made}" if folder else f"/{made}"


def alias_url(alias: str) -> str:
    """Return the URL of an alias in front matter; "" if it is not a path below the root."""
    parts = [part for part in alias.split("/") if part]
    if not parts or ":" in alias or any(part in (".", "..") for part in parts):
        return ""
    path = "/" + "/".join(address(part) if "." not in part else part for part in parts)
    return path if path.endswith((".html", ".htm")) else f"{path}/"


def read_posts(project: Project, known: Known) -> tuple[list[Post], list[Asset]]:
    """Return posts in chronological order, and files to copy; unchanged posts are not read again.

    Raises:
        BadInputError: the tree has problems; the error lists all of them.
    """
    settings = project.settings
    names = spellings(settings)
    if not project.corpus_path.is_dir():
        remedy = "point [corpus] path in ledger.toml at the folder of posts"
        raise BadInputError([Problem(settings.corpus.path, "is no folder", remedy)])
    tree = read_tree(project.corpus_path, names)
    posts, problems = read_files(tree.files, settings, names, known.extras())
    if not posts and not problems:
        problems.append(Problem(settings.corpus.path, "holds no posts", "put .md files there"))
    excluded = set(settings.corpus.exclude)
    posts = [
        post
        for post in posts
        if (settings.blog.drafts or not post.draft) and post.identity not in excluded
    ]
    posts.sort(key=lambda post: (post.date is None, post.instant, post.source))
    if problems:
        raise BadInputError(problems)
    return posts, [*tree.assets, *_static(project)]


def _static(project: Project) -> list[Asset]:
    """Return the files of the static folder, which is copied to the root of the site."""
    folder = project.root / project.settings.blog.static
    if not folder.is_dir():
        return []
    return [
        Asset(path, name, (facts.st_size, facts.st_mtime_ns), beside=False)
        for path, name, facts in walk(folder)
    ]
