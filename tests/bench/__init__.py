"""The performance targets, each measured in one run with its yardstick: `bin/bench`."""
