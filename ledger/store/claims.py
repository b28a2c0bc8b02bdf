"""Names that moved to store.py, leases.py and reports.py, for modules that import them from here."""

from __future__ import annotations

from ledger.store.leases import StaleLeaseError
from ledger.store.reports import KindCount
from ledger.store.store import Store

__all__ = ["KindCount", "StaleLeaseError", "Store"]
