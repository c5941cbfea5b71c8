"""Annotated images: read, check, convert, augment and draw them."""
