"""Pairs of values that are close, without comparing each with each."""

from collections.abc import Iterator

import numpy as np


def close_pairs(
    values: np.ndarray, reach: np.ndarray | int = 0, apart: int | None = None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Positions of all pairs with values[second] <= values[first] + reach[first], in parts of at most n.

    values: [n], ascending. reach: [n] or one for all. apart: yield only pairs that are at most this many positions
    apart; nearer ones come first.
    """
    limit = values + reach
    first: np.ndarray = np.arange(len(values))
    for lag in range(1, len(values) if apart is None else apart + 1):
        first = first[: np.searchsorted(first, len(values) - lag)]
        first = first[values[first + lag] <= limit[first]]
        if len(first) == 0:
            return
        yield first, first + lag
