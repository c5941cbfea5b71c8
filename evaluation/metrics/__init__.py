"""Metrics in NumPy."""
