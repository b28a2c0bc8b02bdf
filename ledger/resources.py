"""Where the templates and migrations are: inside the installed package, else in the checkout."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


@cache
def resource(name: str) -> Path:
    """The folder `name` (`templates` or `migrations`) that ships with the program.

    A wheel carries them in `ledger/_data`; an editable install leaves them in the checkout.
    """
    for place in (_PACKAGE / "_data" / name, _PACKAGE.parent / name):
        if place.is_dir():
            return place
    raise FileNotFoundError(f"{name} is missing from the installation at {_PACKAGE}; reinstall it")
