"""How good a detector is, in NumPy."""
