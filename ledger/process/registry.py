"""Registries: what a package may add to Ledger, found by entry-point group.

Shipped entries are resolved by their import path: searching the metadata of everything that is
installed costs tens of milliseconds, which each worker would pay at its start.
"""

from __future__ import annotations

from functools import cache, cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ledger.errors import BadInputError, LedgerError, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.machinery import ModuleSpec
    from importlib.metadata import EntryPoint


class Registry:
    """The entries of one group, by name. A shipped name cannot be taken by another package.

    `noun` names an entry in messages, as in "no embedder is called 'x'".
    """

    def __init__(self, group: str, noun: str, shipped: Mapping[str, str]) -> None:
        self.group = group
        self.noun = noun
        self.shipped = dict(shipped)
        self._loaded: dict[str, Any] = {}

    def names(self) -> list[str]:
        """All names, the shipped ones first."""
        return [*self.shipped, *self.added()]

    def added(self) -> list[str]:
        """The names that other packages add, sorted."""
        return sorted(set(self._installed) - set(self.shipped))

    def knows(self, name: str) -> bool:
        """Whether there is an entry of that name; does not load it."""
        return name in self.shipped or name in self._installed

    def load(self, name: str) -> Any:
        """Import the entry of that name.

        Raises:
            LedgerError: there is none.
            BadInputError: it cannot be imported; the problem names its package.
        """
        if name not in self._loaded:
            self._loaded[name] = self._import(name)
        return self._loaded[name]

    def module_of(self, name: str) -> str:
        """The module of the entry of that name, which need not be importable.

        Raises:
            LedgerError: there is none.
        """
        value = self.shipped.get(name)
        return value.partition(":")[0] if value else self._entry(name).module

    def problem(self, name: str, what: str, remedy: str = "") -> Problem:
        """A problem with an entry, which names its package and what to do about it."""
        where = f"{self.noun} {name!r} of the package {self.package_of(name)}"
        return Problem(where, what, remedy or "fix or uninstall that package")

    def package_of(self, name: str) -> str:
        """The distribution that an entry comes from."""
        point = None if name in self.shipped else self._installed.get(name)
        return point.dist.name if point is not None and point.dist is not None else "ledger"

    def _import(self, name: str) -> Any:
        if value := self.shipped.get(name):
            module, _, attribute = value.partition(":")
            loaded = import_module(module)
            return getattr(loaded, attribute) if attribute else loaded
        point = self._entry(name)
        try:
            return point.load()
        except Exception as error:  # the code of another package: it may raise anything
            what = f"cannot be imported ({point.value}): {type(error).__name__}: {error}"
            raise BadInputError([self.problem(name, what)]) from error

    def _entry(self, name: str) -> EntryPoint:
        try:
            return self._installed[name]
        except KeyError:
            raise LedgerError(
                f"no {self.noun} is called {name!r}",
                context=f"installed: {', '.join(sorted(self.names()))}",
                remedy="use one of those, or install the package that provides it",
            ) from None

    def files(self) -> list[Path]:
        """The source files of what other packages add, found without importing it."""
        specs = [_spec(self._installed[name].module) for name in self.added()]
        return [Path(spec.origin) for spec in specs if spec and spec.origin]

    @cached_property
    def _installed(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in _all_installed().select(group=self.group)}


@cache
def _all_installed() -> Any:
    """The entry points of all groups: one search serves every registry."""
    from importlib.metadata import entry_points

    return entry_points()


def _spec(module: str) -> ModuleSpec | None:
    from importlib.util import find_spec

    try:
        return find_spec(module)
    except (ImportError, ValueError):  # a package around it that cannot be imported
        return None
