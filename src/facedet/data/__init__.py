"""Annotated images: read, check, convert, augment and draw them."""

import os

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # albumentations checks for updates online at each import
