"""Ledger: a SQLite-backed, resumable job ledger with subprocess workers."""

from __future__ import annotations

__version__ = "0.1.0"
