"""Slugs: safe, stable and distinct."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.corpus.slugs import slug

ANY_TEXT = st.text(alphabet=st.characters())  # surrogates included
DEVICES = ["con", "prn", "aux", "nul", "com1", "lpt9", "con.txt", "nul.tar.gz"]


@pytest.mark.parametrize(
    "segment", ["42", "a", "a-b_c", "ruby-2.7.0", "x" * 80, "com10", "console"]
)
def test_a_plain_segment_is_its_own_slug(segment: str) -> None:
    """A plain segment is used unchanged."""
    assert segment == slug(segment)


@pytest.mark.parametrize(
    ("segment", "expected"),
    [
        ("Hello, World!", "hello-world~"),
        ("../../etc/passwd", "etc-passwd~"),
        ("index", "index~"),
        ("CON", "con~"),
        ("", "~"),
        ("😀", "~"),
        (".hidden", "hidden~"),
        ("a..b", "a-b~"),
        ("Straße", "strasse~"),
        ("詩 經", "詩-經~"),
        ("y" * 81, "y" * 60 + "~"),
        ("詩" * 30, "詩" * 20 + "~"),
        ("a" * 59 + "é", "a" * 59 + "~"),
        ("\ud800", "~"),
        *((name, name.replace(".", "-") + "~") for name in DEVICES),
    ],
)
def test_any_other_segment_is_made_readable_and_hashed(segment: str, expected: str) -> None:
    """Any other segment becomes something readable, and 12 digits of its hash."""
    made = slug(segment)

    assert expected == made[:-12]
    assert re.fullmatch("[0-9a-f]{12}", made[-12:])


def test_slugs_stay_the_same_from_one_version_to_the_next() -> None:
    """A slug is an address; this one must never change."""
    assert "hello-world~531df2844447" == slug("Hello, World!")


@settings(deadline=None)
@given(ANY_TEXT)
def test_every_slug_is_a_safe_path_segment(segment: str) -> None:
    """Every slug can be a file name on every system."""
    made = slug(segment)

    assert made
    assert not set('/\\:*?"<>|') & set(made)
    assert not any(unicodedata.category(character)[0] == "C" for character in made)
    assert not made.startswith(".")
    assert not made.endswith((".", " "))
    assert len(made.encode()) <= 80


@settings(deadline=None)
@given(ANY_TEXT, ANY_TEXT)
def test_distinct_segments_have_distinct_slugs(one: str, other: str) -> None:
    """Distinct texts have distinct slugs, even ignoring case and Unicode normalisation."""
    assert (one == other) == (_seen_by_a_mac(slug(one)) == _seen_by_a_mac(slug(other)))


@pytest.mark.parametrize("pair", [("A", "a"), ("é", "e\u0301"), ("ß", "ss"), ("a b", "a-b")])
def test_look_alikes_have_distinct_slugs(pair: tuple[str, str]) -> None:
    """Texts that fold to the same readable part still differ."""
    assert 2 == len({_seen_by_a_mac(slug(segment)) for segment in pair})


def _seen_by_a_mac(name: str) -> str:
    """Return a name as a case-insensitive, normalising file system compares it."""
    return unicodedata.normalize("NFD", name.casefold())
