"""Shared by coordinator and workers: worker state, locks, wakeup, clock, logs, retry, fault points."""
