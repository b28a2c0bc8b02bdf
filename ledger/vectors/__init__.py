"""Vectors: embedding, the space they are compared in, ranking."""
