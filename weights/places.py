"""Two graphs of one network, matched place by place."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any


class Mismatch(Exception):
    """A graph is not the network's, and why."""


@dataclass(eq=False)
class Place:
    """One operation of a network, with what conversion can only rewrite already absorbed into it.

    kind: image, conv, norm (of groups), relu, add, pool, upsample, concat or affine. shape: what else tells it apart,
    of a convolution weight shape, stride and padding. inputs: in order. content: the tensors, or their names.
    """

    kind: str
    shape: tuple = ()
    inputs: list["Place"] = field(default_factory=list)
    content: Any = None

    def __str__(self) -> str:
        return f"{self.kind} {'x'.join(map(str, self.shape[0]))}" if self.kind == "conv" else self.kind


def match(ours: list[Place], theirs: list[Place]) -> list[tuple[Place, Place]]:
    """Pair the places of two graphs, each listed in an order of computation, one to one.

    A place is known by all that leads to it and all that follows from it. Raises Mismatch with what stands first
    in one graph and not in the other.
    """
    before = Counter(_forward(ours).values()), Counter(_forward(theirs).values())
    if before[0] != before[1]:
        _tell_difference(ours, theirs)
    by_colour = {colour: place for place, colour in _colours(theirs).items()}
    colours = _colours(ours)
    if len(by_colour) != len(theirs) or set(colours.values()) != by_colour.keys():
        raise Mismatch("the same operations are connected in another way")
    return [(place, by_colour[colours[place]]) for place in ours]


def _forward(places: list[Place], start: dict[Place, int] | None = None) -> dict[Place, int]:
    """For each place a number that stands for all that leads to it."""
    colours: dict[Place, int] = {}
    for place in places:
        inputs = [colours[each] for each in place.inputs]
        if place.kind == "add":
            inputs.sort()
        colours[place] = hash((place.kind, place.shape, start[place] if start else 0, *inputs))
    return colours


def _colours(places: list[Place]) -> dict[Place, int]:
    """For each place a number that stands for its surroundings: what leads to it, what follows, what stands beside."""
    users = defaultdict(list)
    for place in places:
        for each in place.inputs:
            users[each].append(place)
    leading = _forward(places)
    following: dict[Place, int] = {}
    for place in reversed(places):
        following[place] = hash((leading[place], *sorted(following[user] for user in users[place])))
    return _forward(places, following)


def _tell_difference(ours: list[Place], theirs: list[Place]) -> None:
    for name, some, others in (("has not", ours, theirs), ("has besides", theirs, ours)):
        known, colours = set(_forward(others).values()), _forward(some)
        for place in some:
            if colours[place] not in known:
                where = f" of {place.content.module}" if name == "has not" and place.kind == "conv" else ""
                raise Mismatch(f"it {name} the network's {place}{where}")
    raise Mismatch("an operation stands in it more often, or less, than in the network")
