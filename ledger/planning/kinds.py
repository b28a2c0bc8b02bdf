"""Job kinds: what one has to offer, how they are found, and in which order they run.

A kind is a module with `plan` (what jobs are there) and `run` (do one). It is found by the
entry-point group `ledger.kinds`, where the entry's name is the kind's name, so that a kind
can live in anybody's package.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from ledger.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ledger.jobs import Job, Output, Planned
    from ledger.planning.plan import Plan

GROUP = "ledger.kinds"


class Kind(Protocol):
    """What the module of a kind has.

    `needs` names the kinds whose jobs must all be done before a job of this kind may run;
    phases follow from it. `sites` names the kinds of site (`[site] kind`) it works for.
    `effects` is true when a run changes more than its outputs (it calls a paid server, say):
    such a job is settled by itself, as soon as it is done. A module may also have
    `prepare(context)`, called once in each worker before the first job of the kind: what takes
    long then is not part of a job that has a turn in a rate.
    """

    needs: tuple[str, ...]
    sites: tuple[str, ...]
    effects: bool

    def plan(self, plan: Plan) -> Iterable[Planned]:
        """The jobs that there are, in the order in which to do them."""
        ...

    def run(self, job: Job, context: Any) -> Iterable[Output]:
        """Do one job: the files it makes. `context` is a `worker.context.Context`."""
        ...


@cache
def _entry_points() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


@cache
def load_kind(name: str) -> Kind:
    """The kind of that name.

    Raises:
        LedgerError: it is not installed.
    """
    try:
        return cast("Kind", _entry_points()[name].load())
    except KeyError:
        raise LedgerError(
            f"no job kind is called {name!r}",
            context=f"installed kinds: {', '.join(sorted(_entry_points()))}",
            remedy="install the package that provides it, then run `ledger init`",
        ) from None


def module_of(name: str) -> str:
    """The module of the kind of that name.

    Raises:
        LedgerError: it is not installed.
    """
    load_kind(name)
    return _entry_points()[name].module


def kinds_of_site(site: str) -> dict[str, Kind]:
    """The kinds that work for that kind of site, prerequisites first."""
    loaded = {name: load_kind(name) for name in sorted(_entry_points())}
    fitting = {name: kind for name, kind in loaded.items() if site in kind.sites}
    if not fitting and not entry_points(group="ledger.sites", name=site):
        known = sorted({site for kind in loaded.values() for site in kind.sites})
        raise LedgerError(
            f"[site] kind = {site!r} is not known", remedy=f"use one of: {', '.join(known)}"
        )
    order = phases(fitting)
    return {name: fitting[name] for name in sorted(fitting, key=lambda name: (order[name], name))}


def kind_modules(site: str) -> dict[str, str]:
    """The module of each kind that works for that kind of site."""
    return {name: _entry_points()[name].module for name in kinds_of_site(site)}


def kind_files() -> list[Path]:
    """The source files of all installed kinds, found without importing them."""
    specs = [find_spec(point.module) for _, point in sorted(_entry_points().items())]
    return [Path(spec.origin) for spec in specs if spec and spec.origin]


def phases(kinds: dict[str, Kind]) -> dict[str, int]:
    """The phase of each kind, from 0: as late as the kinds that need it allow.

    So all kinds that nobody needs, the pages, share the last phase, and one of them that
    fails keeps none of the others back.

    Raises:
        LedgerError: kinds need each other in a circle, or one that is not there.
    """
    needed_by: dict[str, list[str]] = {name: [] for name in kinds}
    for name, kind in kinds.items():
        for need in kind.needs:
            if need not in kinds:
                raise _bad_needs("need one that is missing", [name, need])
            needed_by[need].append(name)

    @cache
    def height(name: str) -> int:
        return 1 + max((height(above) for above in needed_by[name]), default=-1)

    _refuse_circles(needed_by)
    top = max(map(height, kinds), default=0)
    return {name: top - height(name) for name in kinds}


def _refuse_circles(needed_by: dict[str, list[str]]) -> None:
    def follow(name: str, chain: list[str]) -> None:
        if name in chain:
            raise _bad_needs("need each other in a circle", [*chain, name])
        for above in needed_by[name]:
            follow(above, [*chain, name])

    for name in needed_by:
        follow(name, [])


def _bad_needs(fault: str, chain: list[str]) -> LedgerError:
    return LedgerError(
        f"job kinds {fault}: {' -> '.join(chain)}", remedy="mend `needs` in these kinds"
    )


def with_needs(names: Iterable[str], kinds: dict[str, Kind]) -> set[str]:
    """`names` and all that they need, directly or not."""
    wanted: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in wanted:
            wanted.add(name)
            waiting.extend(kinds[name].needs)
    return wanted
