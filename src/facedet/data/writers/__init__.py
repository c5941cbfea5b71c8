"""Annotation formats: one writer for each."""
