"""A project: `ledger.toml`, its settings, and new projects."""
