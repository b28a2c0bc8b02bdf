"""Job kinds: their interface, their discovery, and the order of their phases.

A kind is a module with `plan` (list the jobs) and `run` (do one). It is found by the entry-point
group `ledger.kinds`, where the entry's name is the kind's name, so that any package can provide
kinds. See docs/kinds.md.
"""

from __future__ import annotations

from functools import cache
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any, Protocol, cast

from ledger.errors import BadInputError, LedgerError
from ledger.process.registry import Registry
from ledger.project.sites import SITES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ledger.errors import Problem
    from ledger.jobs import Job, Output, Planned
    from ledger.planning.plan import Plan

# None has a built-in path: a plan loads all kinds, and workers follow the plan.
KINDS = Registry("ledger.kinds", "job kind", {})

REQUIRED = {
    "sites": 'say for which kinds of site it is, as in sites = ("poems",)',
    "needs": "name the kinds that have to be done before it, as in needs = ()",
    "effects": "say whether a run changes more than its outputs, as in effects = False",
    "plan": "write plan(plan), which yields a ledger.jobs.Planned for each job",
    "run": "write run(job, context), which yields a ledger.jobs.Output for each file",
}
"""Names that the module of a kind must define, each with the remedy if it is missing."""


class Kind(Protocol):
    """Interface of the module of a kind.

    `needs` names the kinds whose jobs must all be done before a job of this kind may run;
    phases follow from it. `sites` names the kinds of site (`[site] kind`) it works for.
    `effects` is true when a run changes more than its outputs (it calls a paid server, say):
    such a job is settled by itself, as soon as it is done. A module may also have
    `prepare(context)`, called once in each worker before the first job of the kind, so that slow
    initialisation does not use up a rate slot.
    """

    needs: tuple[str, ...]
    sites: tuple[str, ...]
    effects: bool

    def plan(self, plan: Plan) -> Iterable[Planned]:
        """Yield all jobs of the kind, in the order in which to do them."""
        ...

    def run(self, job: Job, context: Any) -> Iterable[Output]:
        """Do one job and yield its files. `context` is a `worker.context.Context`."""
        ...


@cache
def load_kind(name: str) -> Kind:
    """The kind of that name.

    Raises:
        LedgerError: it is not installed, or not usable; it names the package.
    """
    kind = KINDS.load(name)
    if problems := _flaws(name, kind):
        raise BadInputError(problems)
    return cast("Kind", kind)


def _flaws(name: str, kind: Any) -> list[Problem]:
    """Problems of the module of a kind: names that are missing or of the wrong type."""
    problems = []
    for part, remedy in REQUIRED.items():
        value = getattr(kind, part, None)
        if value is None:
            problems.append(KINDS.problem(name, f"has no `{part}`", remedy))
        elif not _fits(part, value):
            problems.append(KINDS.problem(name, f"has {part} = {value!r:.60}", remedy))
    return problems


def _fits(part: str, value: Any) -> bool:
    if part in ("plan", "run"):
        return callable(value)
    if part == "effects":
        return isinstance(value, bool)
    return isinstance(value, (tuple, list)) and all(isinstance(item, str) for item in value)


def module_of(name: str) -> str:
    """The module of the kind of that name.

    Raises:
        LedgerError: it is not installed, or not usable.
    """
    load_kind(name)
    return KINDS.module_of(name)


def kinds_of_site(site: str) -> dict[str, Kind]:
    """Kinds that support that kind of site, prerequisites first.

    Raises:
        BadInputError: one of them is not usable.
        LedgerError: there are none, or their `needs` cannot be met.
    """
    sites = _sites_of_kinds()
    fitting = {name: load_kind(name) for name in sorted(sites) if site in sites[name]}
    if not fitting and not SITES.knows(site):
        known = sorted({each for names in sites.values() for each in names})
        raise LedgerError(
            f"[site] kind = {site!r} is not known", remedy=f"use one of: {', '.join(known)}"
        )
    order = phases(fitting)
    return {name: fitting[name] for name in sorted(fitting, key=lambda name: (order[name], name))}


def broken_kinds() -> dict[str, Problem]:
    """First problem, by name, of each kind that does not declare which sites it is for.

    Such a kind is left out: a broken package must not stop projects that do not use it.
    """
    broken = {}
    for name in sorted(set(KINDS.names()) - set(_sites_of_kinds())):
        try:
            load_kind(name)
        except BadInputError as error:
            broken[name] = error.problems[0]
    return broken


@cache
def _sites_of_kinds() -> dict[str, tuple[str, ...]]:
    """Kinds of site that each kind declares; kinds without a declaration are left out."""
    sites = {}
    for name in KINDS.names():
        try:
            named = getattr(KINDS.load(name), "sites", None)
        except BadInputError:  # it cannot be imported: see `broken_kinds`
            continue
        if named is not None and _fits("sites", named):
            sites[name] = tuple(named)
    return sites


def phases(kinds: dict[str, Kind]) -> dict[str, int]:
    """The phase of each kind, from 0: as late as the kinds that need it allow.

    So all kinds that no other needs, the pages, share the last phase, and a failure of one of them
    delays none of the others.

    Raises:
        LedgerError: kinds need each other in a circle, or one that is not there.
    """
    needs = {name: tuple(kind.needs) for name, kind in kinds.items()}
    for name, below in needs.items():
        if missing := next((need for need in below if need not in kinds), ""):
            raise _bad_needs("need one that is missing", [name, missing])
    try:
        order = list(TopologicalSorter(needs).static_order())
    except CycleError as error:
        raise _bad_needs("need each other in a circle", _from_first(error.args[1])) from None
    height = dict.fromkeys(order, 0)
    for name in reversed(order):  # each after all that need it
        for need in needs[name]:
            height[need] = max(height[need], height[name] + 1)
    top = max(height.values(), default=0)
    return {name: top - height[name] for name in kinds}


def _from_first(circle: list[str]) -> list[str]:
    """Rotate a circle to begin with its alphabetically first name, so that messages are stable."""
    start = circle.index(min(circle))
    return [*circle[start:-1], *circle[:start], circle[start]]


def _bad_needs(fault: str, chain: list[str]) -> LedgerError:
    return LedgerError(
        f"job kinds {fault}: {' -> '.join(chain)}", remedy="fix `needs` in these kinds"
    )


def with_needs(names: Iterable[str], kinds: dict[str, Kind]) -> set[str]:
    """Return `names` and all kinds that they need, directly or indirectly."""
    wanted: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in wanted:
            wanted.add(name)
            waiting.extend(kinds[name].needs)
    return wanted
