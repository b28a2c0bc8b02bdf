"""Job kinds that compute vectors and rankings."""
