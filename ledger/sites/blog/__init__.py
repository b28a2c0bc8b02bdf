"""The site of a blog: a tree of Markdown files in one language or several."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.errors import BadInputError, Problem
from ledger.planning.sites import Site
from ledger.sites.blog.settings import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from ledger.planning.plan import Known, Stamp
    from ledger.project.settings import Project, Settings, WrongValue
    from ledger.project.starter import Files
    from ledger.sites.blog.plan import BlogPlan

PAGE_TEMPLATES = frozenset({
    "blog/header.html", "blog/post.html", "blog/page.html", "blog/list.html", "blog/card.html", "blog/overview.html",
    "blog/404.html", "blog/redirect.html", "blog/search.html", "blog/atom.xml", "blog/rss.xml", "blog/sitemap.xml",
    "blog/sitemap_index.xml", "blog/robots.txt",
})  # fmt: skip


class BlogSite(Site):
    """A site of dated posts: every post in its languages, lists, feeds, a sitemap."""

    tables = TABLES

    def check(self, settings: Settings) -> Iterable[WrongValue]:
        """Rules of the tables of its settings."""
        from ledger.sites.blog.checks import check

        return check(settings)

    def recognises(self, root: Path, source: Path | None) -> bool:
        """Whether there is a folder of dated Markdown files."""
        from ledger.sites.blog.new import content_folder, is_blog

        if source is None:
            return content_folder(root) is not None
        return source.is_dir() and is_blog(source)

    def new_files(self, root: Path, source: Path | None, title: str) -> Files:
        """Return the files of a project with an existing tree of posts, or with the starter."""
        from ledger.sites.blog import new

        return new.new_files(root, source, title)

    def source_stamps(self, project: Project) -> Iterator[Stamp]:
        """Stamps of the content, of the files that are copied unchanged, and of the macros."""
        from ledger.sites.blog.files import MACROS, walk

        own = (project.settings.blog.static, MACROS)
        for folder in (project.corpus_path, *(project.root / name for name in own)):
            if folder.is_dir():
                yield folder.name, None, None
                for _, name, facts in walk(folder):
                    yield name, facts.st_size, facts.st_mtime_ns

    def page_templates(self, project: Project) -> frozenset[str]:
        """Names of the shipped templates and of the project's own layouts."""
        own = (project.templates / "blog").glob("*.html")
        return PAGE_TEMPLATES | {f"blog/{path.name}" for path in own if path.is_file()}

    def preflight(self, project: Project) -> list[Problem]:
        """Return a problem if the settings ask for a search and Pagefind is not installed."""
        from ledger.sites.blog.search import preflight_problem

        return preflight_problem(project)

    def finish(self, project: Project, known: Known) -> str:
        """Index the posts for the search."""
        from ledger.sites.blog.search import make_index

        return "the search index was made" if make_index(project, known) else ""

    def begin_plan(self, project: Project, known: Known) -> BlogPlan:
        """Read the tree, give every post its URL, and validate references between posts.

        Raises:
            BadInputError: with every problem.
        """
        try:
            from ledger.sites.blog.plan import BlogPlan, read_posts
        except ImportError as error:
            problem = Problem(
                "[site] kind",
                f'"blog" needs the package {error.name}',
                "pip install 'ledger[blog]'",
            )
            raise BadInputError([problem]) from error
        from ledger.sites.blog.validate import validate

        posts, assets = read_posts(project, known)
        plan = BlogPlan(project, posts, assets, known)
        validate(plan)
        return plan
