"""Parity: check that several models compute the same."""
