"""Projects with queues, for tests of the coordinator."""

from queues.conftest import queues

__all__ = ["queues"]
