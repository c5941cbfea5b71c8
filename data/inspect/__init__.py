"""Look a dataset over: checks, duplicates, split."""
