"""Operations of two graphs are matched by their position."""

import pytest

from facedet.weights.ir.operations import Mismatch, Operation, match_operations


def test_operations_are_matched_whatever_their_order() -> None:
    def network(order: int) -> list[Operation]:
        image = Operation("image")
        left, right = Operation("conv", ((1,), 3), [image]), Operation("conv", ((1,), 3), [image])
        tail, both = Operation("relu", (), [left]), Operation("add", (), [])
        both.inputs = [tail, right][::order]
        return [image, *[left, right][::order], tail, both]

    ours, theirs = network(1), network(-1)
    pairs = match_operations(ours, theirs)
    assert [theirs.index(b) for _, b in pairs] == [0, 2, 1, 3, 4]
    theirs[4].inputs = [theirs[3], theirs[3]]
    with pytest.raises(Mismatch):
        match_operations(ours, theirs)


def test_the_first_difference_is_reported() -> None:
    image = Operation("image")
    relu = Operation("relu", (), [image])
    pool = Operation("pool", (), [relu])
    with pytest.raises(Mismatch, match="the network's pool is missing"):
        match_operations([image, relu, pool], [image, relu])
    with pytest.raises(Mismatch, match="it has an additional pool"):
        match_operations([image, relu], [image, relu, pool])
    with pytest.raises(Mismatch, match="an operation occurs more or less often than in the network"):
        match_operations([image, relu], [image, relu, Operation("relu", (), [image])])
