"""Metrics on plain arrays, in NumPy."""
