"""Job kinds: found by entry point, ordered by what they need."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ledger.failures import LedgerError
from ledger.kinds import kinds_of_site, load_kind, phases, with_needs


def kinds(**needs: str) -> dict[str, Any]:
    """Kinds by name, each with the kinds it needs as one text."""
    return {name: SimpleNamespace(needs=tuple(text.split())) for name, text in needs.items()}


def test_a_phase_is_one_more_than_its_latest_need() -> None:
    """What needs nothing comes first; the rest follows as early as it can."""
    shop = kinds(page="entry rank", rank="space", entry="space", space="embed", embed="", style="")

    assert {"embed": 0, "style": 0, "space": 1, "rank": 2, "entry": 2, "page": 3} == phases(shop)


@pytest.mark.parametrize(
    ("needs", "message"),
    [
        ({"a": "b", "b": "a"}, "in a circle: a -> b -> a"),
        ({"a": "a"}, "in a circle: a -> a"),
        ({"a": "b", "b": "nowhere"}, "one that is missing: a -> b -> nowhere"),
    ],
)
def test_needs_that_cannot_be_met_are_refused(needs: dict[str, str], message: str) -> None:
    """The whole chain is named, and what to mend."""
    with pytest.raises(LedgerError, match=message) as caught:
        phases(kinds(**needs))

    assert "mend `needs`" in caught.value.remedy


@pytest.mark.parametrize(
    ("names", "expected"),
    [("", ""), ("a", "a"), ("c", "a b c"), ("c d", "a b c d"), ("d a", "a d")],
)
def test_a_choice_brings_what_it_needs(names: str, expected: str) -> None:
    """Chosen kinds come with all that they need, however far down."""
    shop = kinds(a="", b="a", c="b a", d="a", e="d")

    assert {*expected.split()} == with_needs(names.split(), shop)


def test_prerequisites_come_first() -> None:
    """The kinds of the poem site are in an order in which they can be planned."""
    site = kinds_of_site("poems")
    order = [*site]

    assert all(order.index(need) < order.index(name) for name in site for need in site[name].needs)


def test_an_unknown_kind_is_refused() -> None:
    """A kind that is not installed is named beside those that are."""
    with pytest.raises(LedgerError, match="no job kind is called 'sonnet'") as caught:
        load_kind("sonnet")

    assert "similar" in caught.value.context


def test_an_unknown_site_is_refused() -> None:
    """A site that no kind works for is refused with the ones that are known."""
    with pytest.raises(LedgerError, match="'shop' is not known") as caught:
        kinds_of_site("shop")

    assert "poems" in caught.value.remedy
