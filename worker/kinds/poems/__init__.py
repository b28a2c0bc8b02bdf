"""Job kinds of a site of poems."""
