"""What shows in a terminal how far work is."""

from collections.abc import Iterable


def bar(items: Iterable, description: str) -> Iterable:
    """A `data.progress.Progress`."""
    from tqdm import tqdm

    return tqdm(items, desc=description, leave=False, disable=None)  # silent where nobody looks
