"""Changes of a JSON."""

import copy
import json
import random
import re
from collections.abc import Callable, Iterator
from typing import Any

from helpers.mutants.of_bytes import ODD, Mutator, bom, crlf, digits, named

EXTREME = (0, -1, -0.0, 1e-320, 1e308, -1e308, 2**31, 2**63, 10**400, float("nan"), float("inf"), 0.5, 99999)
FOREIGN = (
    None,
    True,
    False,
    *ODD,
    "0x10",
    [],
    {},
    [1],
    [[]],
    {"x": 1},
    "\ud800",
    "\x1b[2J\n",
    "a\0b",
)


def nodes(content: Any) -> Iterator[tuple[Any, Any]]:
    """Each value of a JSON as its container and its key."""
    pairs = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in list(pairs):
        yield content, key
        yield from nodes(value)


def _write(rng: random.Random, content: Any, exact: bool = False) -> bytes:
    text = json.dumps(content, indent=rng.choice([None, 1, "\t"]), ensure_ascii=exact or rng.random() < 0.5)
    return text.encode("utf-8", "surrogatepass" if rng.random() < 0.5 else "replace")


def json_change(change: Callable[[random.Random, Any], None]) -> Mutator:
    def mutate(rng: random.Random, data: bytes) -> bytes:
        content = json.loads(data)
        change(rng, content)
        return _write(rng, content)

    return named(mutate, change)


def anywhere(change: Callable[[random.Random, Any, Any], None]) -> Mutator:
    return named(json_change(lambda rng, content: change(rng, *rng.choice(list(nodes(content))))), change)


def unchanged(rng: random.Random, content: Any) -> None:
    """Written anew, and so with other spaces, escapes or encoding."""


def reorder(rng: random.Random, content: Any) -> None:
    for container, key in [*nodes(content), ({"": content}, "")]:
        value = container[key]
        if isinstance(value, dict):
            items = list(value.items())
            rng.shuffle(items)
            value.clear()
            value.update(items)
        elif isinstance(value, list) and all(isinstance(each, dict) for each in value):
            rng.shuffle(value)


def unknown_keys(rng: random.Random, content: Any) -> None:
    objects = [container[key] for container, key in nodes(content) if isinstance(container[key], dict)]
    for each in rng.sample(objects, rng.randint(0, len(objects))):
        if not any("filename" in value for value in each.values() if isinstance(value, dict)):  # VIA's table of files
            each[f"extra_{rng.randrange(99)}"] = rng.choice([None, 1, 2.5, True, "text", [1, 2]])


def as_floats(rng: random.Random, content: Any) -> None:
    for container, key in list(nodes(content)):
        if type(container[key]) is int and key not in ("id", "image_id", "category_id", "label_id", "group_id"):
            container[key] = float(container[key])


def move_number(rng: random.Random, content: Any) -> None:
    numbers = [(c, k) for c, k in nodes(content) if type(c[k]) in (int, float)]
    container, key = rng.choice(numbers)
    container[key] += rng.choice([-3, -1, 1, 2, 5, 0.25])


def replace(rng: random.Random, container: Any, key: Any, values: tuple = FOREIGN + EXTREME) -> None:
    container[key] = copy.deepcopy(rng.choice(values))


def _extreme(rng: random.Random, content: Any) -> None:
    replace(rng, *rng.choice([(c, k) for c, k in nodes(content) if type(c[k]) in (int, float)]), EXTREME)


def delete(rng: random.Random, container: Any, key: Any) -> None:
    del container[key]


def rename(rng: random.Random, container: Any, key: Any) -> None:
    if isinstance(container, dict):
        container[f"{key}_"] = container.pop(key)


def _repeat(rng: random.Random, container: Any, key: Any) -> None:
    if isinstance(container, list):
        container.insert(rng.randint(0, len(container)), copy.deepcopy(container[key]))


def as_other(rng: random.Random, container: Any, key: Any) -> None:
    value = container[key]
    container[key] = rng.choice([str(value), [value], {"0": value}])


def _swap(rng: random.Random, content: Any) -> None:
    (a, k), (b, m) = rng.sample(list(nodes(content)), 2)
    first, second = copy.deepcopy(a[k]), copy.deepcopy(b[m])
    a[k] = second
    if m in (b if isinstance(b, dict) else range(len(b))):
        b[m] = first


def deep(rng: random.Random, data: bytes) -> bytes:
    level = rng.choice([100, 900, 5000])
    return re.sub(rb"\d+", b"[" * level + b"]" * level, data, count=1)


def key_twice(rng: random.Random, data: bytes) -> bytes:
    keys = list(re.finditer(rb'"(\w+)"\s*:', data))
    return (
        data[: (at := rng.choice(keys)).start()]
        + at[0]
        + b" "
        + rng.choice([b"[]", b"0", b"null"])
        + b", "
        + data[at.start() :]
    )


SAME_JSON = (json_change(reorder), json_change(unknown_keys), json_change(as_floats), json_change(unchanged), bom, crlf)
OTHER_JSON = (
    *(
        json_change(move_number),
        json_change(move_number),
        json_change(_extreme),
        json_change(_swap),
        deep,
        key_twice,
        digits,
    ),
    *map(anywhere, (replace, delete, rename, _repeat, as_other)),
)
