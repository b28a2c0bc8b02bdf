"""What is left behind by a run that was killed: dead workers, temporary files, stale outputs."""
