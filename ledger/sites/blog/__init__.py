"""The site of a blog: a tree of Markdown files in one language or several."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.errors import BadInputError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ledger.planning.plan import Known, Stamp
    from ledger.project.load import Project
    from ledger.sites.blog.plan import BlogPlan
    from ledger.store.claims import Store

PAGE_TEMPLATES = frozenset({
    "blog/header.html", "blog/post.html", "blog/page.html", "blog/list.html", "blog/card.html", "blog/overview.html",
    "blog/404.html", "blog/redirect.html", "blog/search.html", "blog/atom.xml", "blog/rss.xml", "blog/sitemap.xml",
    "blog/sitemap_index.xml", "blog/robots.txt",
})  # fmt: skip


def source_stamps(project: Project) -> Iterator[Stamp]:
    """Yield the stamps of the content, of the static files and of the macros."""
    from ledger.sites.blog.files import MACROS, walk

    own = (project.settings.blog.static, MACROS)
    for folder in (project.corpus_path, *(project.root / name for name in own)):
        if folder.is_dir():
            yield folder.name, None, None
            for _, name, facts in walk(folder):
                yield name, facts.st_size, facts.st_mtime_ns


def page_templates(project: Project) -> frozenset[str]:
    """Return the names of the shipped templates and of the project's own layouts."""
    own = (project.templates / "blog").glob("*.html")
    return PAGE_TEMPLATES | {f"blog/{path.name}" for path in own if path.is_file()}


def preflight(project: Project) -> list[Problem]:
    """Check that the program for the search is installed, if the settings ask for a search."""
    from ledger.sites.blog.search import preflight_problem

    return preflight_problem(project)


def finish(project: Project, store: Store) -> str:
    """Index the posts for the search; return the message to show, if any."""
    from ledger.sites.blog.search import make_index

    return "the search index was made" if make_index(project, store) else ""


def begin_plan(project: Project, known: Known) -> BlogPlan:
    """Read the content tree, assign URLs, and validate links and URLs across posts.

    Raises:
        BadInputError: the tree has problems; the error lists all of them.
    """
    try:
        from ledger.sites.blog.plan import BlogPlan, read_posts
    except ImportError as error:
        problem = Problem(
            "[site] kind", f'"blog" needs the package {error.name}', "pip install 'ledger[blog]'"
        )
        raise BadInputError([problem]) from error
    from ledger.sites.blog.validate import validate

    posts, assets = read_posts(project, known)
    plan = BlogPlan(project, posts, assets, known)
    validate(plan)
    return plan
