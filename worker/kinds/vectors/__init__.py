"""Job kinds that make vectors and rankings."""
