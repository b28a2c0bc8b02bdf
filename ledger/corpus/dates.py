"""Dates of documents: parsing and sort order.

A date without a time zone stays without one, since the source does not give its zone. Only
sorting has to compare naive and aware dates; there a naive date counts as UTC.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

# One-digit hours occur in real front matter: "2013-09-03 9:41:06 +0000".
_DATE = re.compile(
    r"""(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})
        (?:[Tt\ ](?P<hour>[0-9]{1,2})
           (?P<rest>:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?)
           \ ?(?P<zone>[Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?)?""",
    re.VERBOSE,
)


def parse_date(value: object) -> datetime | None:
    """Return the date in a field: ISO text or a TOML date; None for null and "".

    A day without a time is its midnight.

    Raises:
        ValueError: the value is neither; the message names what was found.
    """
    if value is None or isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001 (the source has no zone)
    if not isinstance(value, str):
        raise ValueError("is not a date written as text")  # noqa: TRY004 (one error to catch)
    return _parse(value.strip()) if value.strip() else None


def sort_key(date: datetime) -> float:
    """Return seconds since 1970, for sorting; a date without a zone counts as UTC."""
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()


def _parse(text: str) -> datetime:
    match = _DATE.fullmatch(text)
    if match is None:
        raise ValueError(f"is {text[:40]!r}, not a date")
    iso = match["day"]
    if match["hour"]:
        iso += f"T{match['hour']:0>2}{match['rest']}{(match['zone'] or '').upper()}"
    try:
        return datetime.fromisoformat(iso)
    except ValueError as error:
        raise ValueError(f"is {text[:40]!r}, not a date: {error}") from error
