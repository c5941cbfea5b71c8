"""A split keeps near duplicates together and is drawn from its seed."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers.datasets import GOOD, Drawn, altered, clean

from facedet.cli import main
from facedet.core.common.errors import UserError
from facedet.core.data.dataset import DatasetSource, read_dataset
from facedet.core.data.inspect.check import check_dataset
from facedet.core.data.inspect.split import choose, shortest_names, split_dataset


def test_a_split_keeps_near_duplicates_together_and_is_drawn_from_its_seed(tmp_path: Path) -> None:
    drawn = Drawn(tmp_path / "set", 4)
    for k in range(12):
        image = drawn.add(f"{k}.png", GOOD)
        if k < 4:
            drawn.add(f"{k}-again.png", GOOD, image=altered(image))
    source = drawn.save()
    lists = {}
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        files = split_dataset(source, tmp_path / name, 0.25, seed)
        lists[name] = [file.read_text().split() for file in files]
        train, val = (set(names) for names in lists[name])
        assert (len(train), len(val)) == (12, 4)
        assert not train & val
        assert all((f"{k}.png" in val) == (f"{k}-again.png" in val) for k in range(4))
    assert lists["a"] == lists["b"] != lists["c"]
    train, val = (DatasetSource(source.path, names=tmp_path / "a" / f"{side}.txt") for side in ("train", "val"))
    assert (len(read_dataset(train).photos), len(read_dataset(val).photos)) == (12, 4)
    assert not check_dataset(train, val).hurts
    with pytest.raises(UserError, match=r"train\.txt: is there already"):
        split_dataset(source, tmp_path / "a", 0.25, 0)


@pytest.mark.parametrize(
    ("sizes", "wanted", "got"), [([3, 1, 1], 2, 2), ([4, 4], 1, 4), ([5, 3], 7, 5), ([1] * 9, 9, 8), ([6], 3, 0)]
)
def test_whole_groups_come_as_near_to_the_share_as_they_allow(sizes: list[int], wanted: int, got: int) -> None:
    members = iter(range(99))
    groups = [[next(members) for _ in range(size)] for size in sizes]
    for seed in range(5):
        chosen = choose(groups, wanted, seed)
        assert len(chosen) == got
        assert all(chosen >= set(group) or not chosen & set(group) for group in groups)


def test_names_in_a_list_have_the_folders_they_need() -> None:
    paths = [Path("set/a/1.jpg"), Path("set/b/1.jpg"), Path("set/b/2.jpg"), Path("set/b/2.png"), Path("set/b/3.jpg")]
    assert shortest_names(paths) == ["a/1.jpg", "b/1.jpg", "2.jpg", "2.png", "3.jpg"]
    with pytest.raises(UserError, match="annotated twice"):
        shortest_names([paths[0], paths[0]])


def test_the_split_command_writes_lists_and_refuses_a_share_that_is_none(tmp_path: Path) -> None:
    path = str(clean(tmp_path / "set").save().path)
    done = CliRunner().invoke(main, ["data", "split", path, "--val", "0.25", "-o", str(tmp_path / "lists")])
    assert done.exit_code == 0, done.output
    assert done.output.count("wrote") == 2
    done = CliRunner().invoke(main, ["data", "split", path, "--val", "1.5", "-o", str(tmp_path / "more")])
    assert (done.exit_code, "between 0 and 1" in done.stderr) == (2, True)
