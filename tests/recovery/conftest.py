"""Ledgers without a coordinator, and projects with queues, for tests of recovery."""

from queues.conftest import queues
from store.conftest import ledger, migrated

__all__ = ["ledger", "migrated", "queues"]
