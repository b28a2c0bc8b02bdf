"""Ledger: a SQLite-backed, resumable job ledger with subprocess workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Ledger", "__version__", "job"]

if TYPE_CHECKING:
    from ledger.api import Ledger, job


def __getattr__(name: str) -> Any:
    """The library, imported when it is first used: the command line does without it."""
    if name in ("Ledger", "job"):
        from ledger import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
