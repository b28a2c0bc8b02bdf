"""One run: workers, watchdog, recovery, throttling, cleanup."""
