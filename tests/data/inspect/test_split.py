"""A split keeps near-duplicates together and depends on its seed only."""

import shutil
from pathlib import Path

import pytest
from helpers.datasets import GOOD_BOX, DatasetBuilder, altered_copy, clean_dataset

from facedet.common.errors import UserError
from facedet.common.manifest import MANIFEST
from facedet.data.dataset import DatasetSource, read_dataset
from facedet.data.inspect.check import check_dataset
from facedet.data.inspect.split import choose_groups, shortest_names, split_dataset


def test_a_split_keeps_near_duplicates_together_and_depends_on_its_seed(tmp_path: Path) -> None:
    builder = DatasetBuilder(tmp_path / "set", 4)
    for k in range(12):
        image = builder.add(f"{k}.png", GOOD_BOX)
        if k < 4:
            builder.add(f"{k}-again.png", GOOD_BOX, image=altered_copy(image))
    source = builder.save()
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
    assert not check_dataset(train, 640, val).hurts
    split_dataset(source, tmp_path / "a", 0.25, 0)
    (tmp_path / "a" / "val.txt").write_text("mine")
    with pytest.raises(UserError, match=r"val\.txt: exists, and `facedet data split` did not write it"):
        split_dataset(source, tmp_path / "a", 0.25, 0)


@pytest.mark.parametrize(
    ("sizes", "wanted", "got"), [([3, 1, 1], 2, 2), ([4, 4], 1, 4), ([5, 3], 7, 5), ([1] * 9, 9, 8), ([6], 3, 0)]
)
def test_whole_groups_come_as_close_to_the_share_as_possible(sizes: list[int], wanted: int, got: int) -> None:
    members = iter(range(99))
    groups = [[next(members) for _ in range(size)] for size in sizes]
    for seed in range(5):
        chosen = choose_groups(groups, wanted, seed)
        assert len(chosen) == got
        assert all(chosen >= set(group) or not chosen & set(group) for group in groups)


def test_names_in_a_list_have_the_folders_they_need() -> None:
    paths = [Path("set/a/1.jpg"), Path("set/b/1.jpg"), Path("set/b/2.jpg"), Path("set/b/2.png"), Path("set/b/3.jpg")]
    assert shortest_names(paths) == ["a/1.jpg", "b/1.jpg", "2.jpg", "2.png", "3.jpg"]
    with pytest.raises(UserError, match="annotated twice"):
        shortest_names([paths[0], paths[0]])


def test_an_interrupted_split_is_repeated_and_lists_of_others_stay(tmp_path: Path) -> None:
    source = clean_dataset(tmp_path / "set").save()
    split_dataset(source, tmp_path / "whole", 0.25, 0)
    (tmp_path / "out").mkdir()
    for name in ("val.txt", MANIFEST):  # killed before train.txt, which comes last
        shutil.copy(tmp_path / "whole" / name, tmp_path / "out")
    split_dataset(source, tmp_path / "out", 0.25, 0)
    assert (tmp_path / "out" / "train.txt").read_text() == (tmp_path / "whole" / "train.txt").read_text()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "val.txt").write_text("my.png\n")
    with pytest.raises(UserError, match=r"val\.txt: exists, and `facedet data split` did not write it"):
        split_dataset(source, tmp_path / "mine", 0.25, 0)
    assert (tmp_path / "mine" / "val.txt").read_text() == "my.png\n"
