"""What coordinator and workers share: liveness files, locks, clock, logs."""
