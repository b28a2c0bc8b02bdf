"""One worker process: claim, run, publish, settle."""
