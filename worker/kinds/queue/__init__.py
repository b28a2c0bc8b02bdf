"""Job kinds of queues."""
