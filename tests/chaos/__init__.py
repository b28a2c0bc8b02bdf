"""Faults of every kind under real builds, and the proof that nothing came of them: `bin/chaos`."""
