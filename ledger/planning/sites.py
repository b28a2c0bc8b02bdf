"""Kinds of site and their sources, found by the entry-point group `ledger.sites`."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from ledger.errors import BadInputError
from ledger.project.sites import SITES, ProjectSite, project_site

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ledger.errors import Problem
    from ledger.planning.plan import Known, Plan, Stamp
    from ledger.project.settings import Project


class Site(ProjectSite):
    """Base of every kind of site; its job kinds make the pages.

    Only `begin_plan` is required. Settings and starter: see `ProjectSite`.
    """

    def begin_plan(self, project: Project, known: Known) -> Plan:
        """Read the site's sources; the kinds then add their jobs.

        Raises:
            BadInputError: with every problem of the sources.
        """
        raise NotImplementedError

    def source_stamps(self, project: Project) -> Iterable[Stamp]:
        """Yield name, size and modification time of each source file, in a stable order."""
        del project
        return ()

    def page_templates(self, project: Project) -> frozenset[str]:
        """Templates that a run uses: preflight compiles them."""
        del project
        return frozenset()

    def preflight(self, project: Project) -> list[Problem]:
        """Problems of this site that would prevent a run from completing."""
        del project
        return []

    def finish(self, project: Project, known: Known) -> str:
        """Do what is left when every job is done; returns a sentence about it, or nothing."""
        del project, known
        return ""


@cache
def load_site(name: str) -> Site:
    """The kind of site of that name (`[site] kind`).

    Raises:
        BadInputError: its package is broken.
    """
    site = project_site(name)
    if isinstance(site, Site):
        return site
    what = f"is {type(site).__name__}, not a subclass of ledger.planning.sites.Site"
    raise BadInputError([SITES.problem(name, what)])
