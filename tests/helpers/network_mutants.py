"""Networks of ours with values that are lost, foreign, or a little different."""

import copy
import random
from collections.abc import Iterator
from typing import Any

HOSTILE = [
    *(None, True, 0, -1, 1, 3, 7, 10**7, 10**400, 1e308, 0.5, float("nan"), float("inf"), "", "evil", "x" * 1000),
    *([], [1], [0, 0, 0], [[1]], [10**9] * 4, [-1, 0], [3, 2, 1, 0], {}, {"type": "evil.Thing"}, {"_scope_": "evil"}),
]
KEYS = ["_scope_", "evil", "type", "dcn", "plugins", "conv_cfg", "norm_cfg"]


def mutant(rng: random.Random, content: dict[str, Any]) -> dict[str, Any]:
    """The network with one or two values lost, foreign, or a little different."""
    content = copy.deepcopy(content)
    for _ in range(rng.choice([1, 1, 2])):
        *outer, key = rng.choice(list(_paths(content)))
        node = content
        for each in outer:
            node = node[each]
        value, way = node[key], rng.random()
        if way < 0.15 and isinstance(node, dict):
            del node[key]
        elif way < 0.3 and isinstance(value, dict):
            value[rng.choice(KEYS)] = copy.deepcopy(rng.choice(HOSTILE))
        elif way < 0.6 and type(value) in (int, float):
            node[key] = rng.choice([value + 1, value - 1, value * 2, type(value)(value / 2)])
        else:
            node[key] = copy.deepcopy(rng.choice(HOSTILE))
    return content


def _paths(node: Any, start: tuple = ()) -> Iterator[tuple]:
    """The keys that lead to each value of a description."""
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield (*start, key)
        yield from _paths(value, (*start, key))
