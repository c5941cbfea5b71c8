"""WIDER FACE's text file."""

from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.formats import replace_in

from facedet.common.errors import UserError
from facedet.data.dataset import DatasetSource, read_dataset


def test_wider_images_without_faces_may_omit_the_line_of_zeros(made: Callable) -> None:
    folder = made("wider")
    replace_in(folder / "wider_face_val_bbx_gt.txt", "0 0 0 0 0 0 0 0 0 0 \n", "")
    dataset = read_dataset(DatasetSource(folder))
    assert [len(p.boxes) for p in dataset.photos] == [2, 1, 0]
    assert dataset.skipped == []


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [("b.png\n1\n", "b.png\n2\n", "the number of faces is 2 but 1 lines follow"),
     ("b.png\n1\n", "b.png\n", "the path is not followed by the number of faces"),
     ("b.png\n1\n", "b.png\n0\n", "the number of faces is 0 but 1 lines follow")],
)  # fmt: skip
def test_wider_images_with_a_wrong_count_are_left_out_and_reported(
    old: str, new: str, reason: str, made: Callable
) -> None:
    folder = made("wider")
    replace_in(folder / "wider_face_val_bbx_gt.txt", old, new)
    dataset = read_dataset(DatasetSource(folder))
    assert [p.path.name for p in dataset.photos] == ["a.jpg", "c.jpg"]
    assert dataset.skipped == [f"{folder / 'wider_face_val_bbx_gt.txt'}: 0--Parade/b.png: {reason}"]


def test_wider_malformed_faces_are_left_out_one_by_one(made: Callable) -> None:
    folder = made("wider")
    replace_in(folder / "wider_face_val_bbx_gt.txt", "10 20 30 40 0", "10 twenty 30 40 0")
    dataset = read_dataset(DatasetSource(folder))
    assert [p.boxes.tolist() for p in dataset.photos[:1]] == [[[50, 8, 75, 24]]]
    assert len(dataset.skipped) == 1
    assert "a.jpg: box [nan" in dataset.skipped[0]


def test_a_text_that_is_not_wider_is_refused(tmp_path: Path) -> None:
    (tmp_path / "set.txt").write_text("3\na.jpg\n")
    with pytest.raises(UserError, match=r"set\.txt: not a WIDER FACE text file"):
        read_dataset(DatasetSource(tmp_path / "set.txt", format="wider"))
    (tmp_path / "set.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=r"set\.txt: not a WIDER FACE text file"):
        read_dataset(DatasetSource(tmp_path / "set.txt", format="wider"))
