"""Vectors: embedding, the common space of all embeddings, and ranking."""
