"""Match the operations of two graphs of the same network."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any


class Mismatch(Exception):
    """A graph is not the graph of the network. The message says why."""


@dataclass(eq=False)
class Operation:
    """One operation of a network. It includes the operations that conversion may fuse into it.

    kind: image, conv, norm (group normalization), relu, clamp, add, pool, upsample, concat or affine. shape: what else
    distinguishes it, for a convolution the weight's shape, stride, padding, dilation and groups. inputs: in order.
    content: the constants or the names of the parameters.
    """

    kind: str
    shape: tuple = ()
    inputs: list["Operation"] = field(default_factory=list)
    content: Any = None

    def __str__(self) -> str:
        return f"{self.kind} {'x'.join(map(str, self.shape[0]))}" if self.kind == "conv" else self.kind


def match_operations(ours: list[Operation], theirs: list[Operation]) -> list[tuple[Operation, Operation]]:
    """Pair the operations of two graphs one to one. Both lists are in topological order.

    Two operations match if everything before them and everything after them is the same. Raises Mismatch with the first
    operation that only one of the graphs has.
    """
    if Counter(_upstream_hashes(ours).values()) != Counter(_upstream_hashes(theirs).values()):
        raise Mismatch(_difference(ours, theirs))
    our_hashes = _hashes(ours)
    theirs_by_hash = {value: operation for operation, value in _hashes(theirs).items()}
    if len(theirs_by_hash) != len(theirs) or set(our_hashes.values()) != theirs_by_hash.keys():
        raise Mismatch("the same operations are connected differently")
    return [(operation, theirs_by_hash[our_hashes[operation]]) for operation in ours]


def _upstream_hashes(operations: list[Operation], own: dict[Operation, int] | None = None) -> dict[Operation, int]:
    """For each operation a hash of itself and of everything before it. own: a number of each operation to include."""
    hashes: dict[Operation, int] = {}
    for operation in operations:
        inputs = [hashes[source] for source in operation.inputs]
        if operation.kind == "add":
            inputs.sort()
        hashes[operation] = hash((operation.kind, operation.shape, own[operation] if own else 0, *inputs))
    return hashes


def _hashes(operations: list[Operation]) -> dict[Operation, int]:
    """For each operation a hash of itself, of everything before it and of everything after it."""
    users = defaultdict(list)
    for operation in operations:
        for source in operation.inputs:
            users[source].append(operation)
    upstream = _upstream_hashes(operations)
    downstream: dict[Operation, int] = {}
    for operation in reversed(operations):
        downstream[operation] = hash((upstream[operation], *sorted(downstream[user] for user in users[operation])))
    return _upstream_hashes(operations, downstream)


def _difference(ours: list[Operation], theirs: list[Operation]) -> str:
    """The first operation that is missing in the second graph, or else the first additional one, as a phrase."""
    for operation in _unmatched(ours, theirs):
        where = f" of {operation.content.module}" if operation.kind == "conv" else ""
        return f"the network's {operation}{where} is missing"
    for operation in _unmatched(theirs, ours):
        return f"it has an additional {operation}"
    return "an operation occurs more or less often than in the network"


def _unmatched(operations: list[Operation], others: list[Operation]) -> list[Operation]:
    hashes, known = _upstream_hashes(operations), set(_upstream_hashes(others).values())
    return [operation for operation in operations if hashes[operation] not in known]
