"""Two graphs of one network, matched operation by operation."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any


class Mismatch(Exception):
    """A graph is not the network's, and why."""


@dataclass(eq=False)
class Operation:
    """One operation of a network, with what conversion can only rewrite already absorbed into it.

    kind: image, conv, norm (of groups), relu, add, pool, upsample, concat or affine. shape: what else tells it apart,
    of a convolution weight shape, stride and padding. inputs: in order. content: the tensors, or their names.
    """

    kind: str
    shape: tuple = ()
    inputs: list["Operation"] = field(default_factory=list)
    content: Any = None

    def __str__(self) -> str:
        return f"{self.kind} {'x'.join(map(str, self.shape[0]))}" if self.kind == "conv" else self.kind


def match_operations(ours: list[Operation], theirs: list[Operation]) -> list[tuple[Operation, Operation]]:
    """Pair the operations of two graphs, each listed in an order of computation, one to one.

    An operation is known by all that leads to it and all that follows from it. Raises Mismatch with what stands first
    in one graph and not in the other.
    """
    before = Counter(_forward(ours).values()), Counter(_forward(theirs).values())
    if before[0] != before[1]:
        _tell_difference(ours, theirs)
    by_colour = {colour: operation for operation, colour in _colours(theirs).items()}
    colours = _colours(ours)
    if len(by_colour) != len(theirs) or set(colours.values()) != by_colour.keys():
        raise Mismatch("the same operations are connected in another way")
    return [(operation, by_colour[colours[operation]]) for operation in ours]


def _forward(operations: list[Operation], start: dict[Operation, int] | None = None) -> dict[Operation, int]:
    """For each operation a number that stands for all that leads to it."""
    colours: dict[Operation, int] = {}
    for operation in operations:
        inputs = [colours[each] for each in operation.inputs]
        if operation.kind == "add":
            inputs.sort()
        colours[operation] = hash((operation.kind, operation.shape, start[operation] if start else 0, *inputs))
    return colours


def _colours(operations: list[Operation]) -> dict[Operation, int]:
    """For each operation a hash of its surroundings: all that leads to it and all that follows."""
    users = defaultdict(list)
    for operation in operations:
        for each in operation.inputs:
            users[each].append(operation)
    leading = _forward(operations)
    following: dict[Operation, int] = {}
    for operation in reversed(operations):
        following[operation] = hash((leading[operation], *sorted(following[user] for user in users[operation])))
    return _forward(operations, following)


def _tell_difference(ours: list[Operation], theirs: list[Operation]) -> None:
    for name, some, others in (("has not", ours, theirs), ("has besides", theirs, ours)):
        known, colours = set(_forward(others).values()), _forward(some)
        for operation in some:
            if colours[operation] not in known:
                where = f" of {operation.content.module}" if name == "has not" and operation.kind == "conv" else ""
                raise Mismatch(f"it {name} the network's {operation}{where}")
    raise Mismatch("an operation stands in it more often, or less, than in the network")
