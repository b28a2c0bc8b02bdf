"""Projects with queues, for tests of the coordinator."""

from queues.conftest import bulk

__all__ = ["bulk"]
