"""Dates: accepted spellings, and their order."""

# ruff: noqa: DTZ001 (dates without a zone are what documents have)

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from ledger.corpus.dates import parse_date, sort_key

NINE = timezone(timedelta(hours=9))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("", None),
        ("  ", None),
        ("2024-05-31", datetime(2024, 5, 31)),
        ("2024-05-31T18:30:00", datetime(2024, 5, 31, 18, 30)),
        ("2024-05-31 18:30", datetime(2024, 5, 31, 18, 30)),
        ("2024-05-31T18:30:00Z", datetime(2024, 5, 31, 18, 30, tzinfo=UTC)),
        ("2024-05-31T18:30:00.250Z", datetime(2024, 5, 31, 18, 30, 0, 250_000, tzinfo=UTC)),
        ("2024-05-31T18:30:00+09:00", datetime(2024, 5, 31, 18, 30, tzinfo=NINE)),
        ("2024-05-31 8:30:00 +0900", datetime(2024, 5, 31, 8, 30, tzinfo=NINE)),
        (date(2024, 5, 31), datetime(2024, 5, 31)),
        (datetime(2024, 5, 31, tzinfo=UTC), datetime(2024, 5, 31, tzinfo=UTC)),
    ],
)
def test_every_usual_way_to_write_a_date_is_read(value: object, expected: datetime | None) -> None:
    """Every usual way to write a date is read, and a zone is never added."""
    assert expected == parse_date(value)


@pytest.mark.parametrize(
    "value",
    [
        20240531,
        1.5,
        True,
        [],
        "yesterday",
        "20240531",
        "2024-W22-5",
        "31/05/2024",
        "2024-02-30",
        "2024-05-31T25:00",
        "2024-05-31T18",
        "２０２４-05-31",
        "2024-05-31T18:30:00+99:00",
    ],
)
def test_anything_else_is_refused(value: object) -> None:
    """A value that is not a date is refused, never guessed."""
    with pytest.raises(ValueError, match="not a date"):
        parse_date(value)


def test_a_date_without_zone_sorts_as_utc() -> None:
    """A date without a zone sorts as if it were UTC."""
    moment = datetime(2024, 5, 31, 18, 30)

    assert sort_key(moment.replace(tzinfo=UTC)) == sort_key(moment)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_the_ends_of_the_calendar_have_a_sort_key(text: str) -> None:
    """The first and last dates of the calendar can be sorted."""
    parsed = parse_date(text)

    assert parsed is not None
    assert isinstance(sort_key(parsed), float)
