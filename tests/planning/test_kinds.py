"""Kinds: how they are found, and in which phase they run."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ledger.errors import LedgerError
from ledger.planning.kinds import kinds_of_site, load_kind, phases, with_needs


def kinds(**needs: tuple[str, ...]):
    """Kinds that are nothing but their needs."""
    return {name: SimpleNamespace(needs=below) for name, below in needs.items()}


def test_what_is_needed_runs_before():
    """Every kind of the poem site has a later phase than all that it needs."""
    loaded = kinds_of_site("poems")
    order = phases(loaded)

    assert all(order[need] < order[name] for name, kind in loaded.items() for need in kind.needs)


def test_pages_share_the_last_phase():
    """So that one page that fails keeps no other back."""
    order = phases(kinds_of_site("poems"))
    pages = ("similar", "different", "chronological", "word", "front")

    assert {order[name] for name in pages} == {max(order.values())}


def test_a_kind_runs_as_late_as_it_may():
    """A short chain ends where the long one does."""
    assert phases(kinds(a=(), b=("a",), c=("b",), d=("a",))) == {"a": 0, "b": 1, "c": 2, "d": 2}


@pytest.mark.parametrize(
    ("needs", "message"),
    [
        ({"a": ("b",), "b": ("a",)}, "in a circle: a -> b -> a"),
        ({"a": ("a",)}, "in a circle: a -> a"),
        ({"a": ("z",)}, "missing: a -> z"),
    ],
)
def test_impossible_needs_are_refused(needs, message):
    """With the chain that shows why."""
    with pytest.raises(LedgerError, match=message):
        phases(kinds(**needs))


class Counting:
    """A kind that counts how often its needs are asked for."""

    asked = 0

    def __init__(self, needs: tuple[str, ...]) -> None:
        self._needs = needs

    @property
    def needs(self) -> tuple[str, ...]:
        """The kinds below."""
        Counting.asked += 1
        return self._needs


def test_layers_of_kinds_take_linear_work():
    """Thirty layers of two kinds, each of which needs both below: a billion paths."""
    layers = [(f"a{n:02}", f"b{n:02}") for n in range(30)]
    many = {
        name: Counting(below)
        for below, names in zip([(), *layers[:-1]], layers, strict=True)
        for name in names
    }

    assert phases(many) == {name: n for n, names in enumerate(layers) for name in names}
    assert Counting.asked == len(many)


def test_needs_are_followed_all_the_way():
    """--only a kind means all that is below it."""
    assert with_needs(["c"], kinds(a=(), b=("a",), c=("b",), d=("a",))) == {"a", "b", "c"}


def test_an_unknown_kind_names_those_that_are_there():
    """And a remedy."""
    with pytest.raises(LedgerError, match="no job kind is called 'nope'") as caught:
        load_kind("nope")
    assert "similar" in caught.value.context


def test_an_unknown_site_is_refused():
    """With the known ones."""
    with pytest.raises(LedgerError, match="not known") as caught:
        kinds_of_site("wiki")
    assert "poems" in caught.value.remedy
