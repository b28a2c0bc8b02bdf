"""Job kinds of a blog."""
