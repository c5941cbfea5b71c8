"""Annotated photographs: read, checked, augmented, drawn."""
