"""Kinds of site: what each is made from, found by the entry-point group `ledger.sites`."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ledger.errors import Problem
    from ledger.planning.plan import Known, Plan, Stamp
    from ledger.project.load import Project
    from ledger.store.claims import Store

GROUP = "ledger.sites"
USUAL = "poems"


class Site(Protocol):
    """What the module of a kind of site has; its pages are the business of its job kinds."""

    def source_stamps(self, project: Project) -> Iterable[Stamp]:
        """Name, size and time of change of each file that it is made from, in an order that stays."""
        ...

    def page_templates(self, project: Project) -> frozenset[str]:
        """The templates that a run uses: they are compiled before it begins."""
        ...

    def preflight(self, project: Project) -> list[Problem]:
        """What of its own would keep a run from its end."""
        ...

    def finish(self, project: Project, store: Store) -> str:
        """What is left to do when every job is done; returns what was done, in words."""
        ...

    def begin_plan(self, project: Project, known: Known) -> Plan:
        """Read what it is made from; the kinds then add their jobs.

        Raises:
            BadInputError: with every problem of it.
        """
        ...


@cache
def load_site(name: str) -> Site:
    """The kind of site of that name (`[site] kind`).

    One that only job kinds know of is made from a corpus, as that of poems is.
    """
    points = {point.name: point for point in entry_points(group=GROUP)}
    return cast("Site", points.get(name, points[USUAL]).load())
