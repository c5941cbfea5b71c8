"""Inspect a dataset: problems, duplicates, and a split into training and validation."""
