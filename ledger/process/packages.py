"""Import optional packages when they are first needed."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from ledger.errors import JobError

if TYPE_CHECKING:
    from types import ModuleType

REMOTE = "pip install 'ledger[remote]'"
"""Installs what talks to servers: HTTP, JSON schemas, retries."""


def library(name: str, remedy: str) -> ModuleType:
    """Import the module `name` now.

    Raises:
        JobError: it cannot be imported; `remedy` says how to install it.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise JobError(f"{name} cannot be imported: {error}", remedy=remedy) from error
