"""The kinds of site that ship with Ledger."""
