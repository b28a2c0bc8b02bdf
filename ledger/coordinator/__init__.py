"""One run: preflight, workers, watchdog, throttle; pause, stop and cancel from another shell."""
