"""Annotation formats: one reader for each."""
