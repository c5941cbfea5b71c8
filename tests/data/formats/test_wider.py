"""WIDER FACE's text file."""

from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.formats import replace_in

from facedet.common.errors import UserError
from facedet.data.dataset import DatasetSource, read_dataset
from facedet.data.losses import Lost


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


@pytest.mark.parametrize(
    ("face", "reason"),
    [("10 twenty 30 40 0", "not numbers: ['10', 'twenty', '30', '40', '0', '0', '0', '0', '0', '0']"),
     ("10 20 30 40", "9 numbers instead of 10: ['10', '20', '30', '40', '0', '0', '0', '0', '0']"),
     ("10 nan 30 40 0", "not finite numbers: ['10', 'nan', '30', '40', '0', '0', '0', '0', '0', '0']")],
)  # fmt: skip
def test_an_image_with_a_malformed_wider_face_is_left_out(face: str, reason: str, made: Callable) -> None:
    folder = made("wider")
    replace_in(folder / "wider_face_val_bbx_gt.txt", "10 20 30 40 0", face)
    dataset = read_dataset(DatasetSource(folder))
    assert [(p.path.name, p.boxes.tolist()) for p in dataset.photos] == [("b.png", [[16, 32, 24, 96]]), ("c.jpg", [])]
    assert [(loss.kind, loss.file.name, loss.reason) for loss in dataset.losses] == [
        (Lost.IMAGE, "a.jpg", f"its annotation cannot be read completely: {reason}")
    ]


def test_a_wider_image_that_is_there_twice_is_left_out_once(made: Callable) -> None:
    folder = made("wider")
    replace_in(folder / "wider_face_val_bbx_gt.txt", "c.jpg", "a.jpg")
    dataset = read_dataset(DatasetSource(folder))
    assert [p.path.name for p in dataset.photos] == ["b.png"]
    assert [loss.reason for loss in dataset.losses] == ["its annotation cannot be read completely: it is there twice"]


def test_a_text_that_is_not_wider_is_refused(tmp_path: Path) -> None:
    (tmp_path / "set.txt").write_text("3\na.jpg\n")
    with pytest.raises(UserError, match=r"set\.txt: not a WIDER FACE text file"):
        read_dataset(DatasetSource(tmp_path / "set.txt", format="wider"))
    (tmp_path / "set.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=r"set\.txt: not a WIDER FACE text file"):
        read_dataset(DatasetSource(tmp_path / "set.txt", format="wider"))
