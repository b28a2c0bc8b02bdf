"""Projects with queues, for tests of engines."""

from queues.conftest import queues

__all__ = ["queues"]
