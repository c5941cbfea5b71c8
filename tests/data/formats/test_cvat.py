"""CVAT for images 1.1."""

from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.formats import replace_in

from facedet.common.errors import UserError
from facedet.data.dataset import DatasetSource, read_dataset
from facedet.data.losses import Lost


@pytest.mark.parametrize(
    ("text", "reason"),
    [("<annotation/>", "its root is <annotation>"), ("<annotations>", "no element found"), ("no xml", "syntax error"),
     ("<annotations><track><box/></track></annotations>", "CVAT for video; export the task as CVAT for images 1.1")],
)  # fmt: skip
def test_an_xml_that_is_not_cvat_is_refused(text: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "set.xml").write_text(text)
    with pytest.raises(UserError, match=rf"set\.xml: not a CVAT for images 1\.1 XML \(.*{reason}"):
        read_dataset(DatasetSource(tmp_path / "set.xml", format="cvat"))


def test_cvat_images_with_errors_are_left_out_one_by_one(made: Callable) -> None:
    folder = made("cvat")
    file = folder / "annotations.xml"
    replace_in(file, 'name="c.jpg"', "")
    replace_in(file, 'xtl="10"', 'xtl="ten"')
    dataset = read_dataset(DatasetSource(folder, allow_losses=True))
    assert [(p.path.name, p.boxes.tolist()) for p in dataset.photos] == [("b.png", [[16, 32, 24, 96]])]
    assert dataset.skipped == [
        f"{file}: image 2: malformed (KeyError: 'name')",
        f"{folder / 'images' / 'a.jpg'}: its annotation cannot be read completely: "
        "not numbers: ['ten', '20', '40', '60']",
    ]


def test_a_cvat_image_with_a_malformed_size_is_left_out_by_name(made: Callable) -> None:
    folder = made("cvat")
    replace_in(folder / "annotations.xml", 'width="50"', 'width="wide"')
    (loss,) = read_dataset(DatasetSource(folder)).losses
    assert loss.kind == Lost.IMAGE
    assert loss.reason.startswith("image c.jpg: malformed (ValueError: ")


def test_a_cvat_image_that_is_there_twice_is_left_out_once(made: Callable) -> None:
    folder = made("cvat")
    replace_in(folder / "annotations.xml", 'name="c.jpg"', 'name="a.jpg"')
    dataset = read_dataset(DatasetSource(folder))
    assert [p.path.name for p in dataset.photos] == ["b.png"]
    assert [(loss.kind, loss.reason) for loss in dataset.losses] == [
        (Lost.IMAGE, "its annotation cannot be read completely: it is there twice")
    ]


def test_a_cvat_tag_is_reported_and_its_image_stays(made: Callable) -> None:
    folder = made("cvat")
    replace_in(folder / "annotations.xml", "</image>", '<tag label="indoor"/></image>')
    dataset = read_dataset(DatasetSource(folder))
    assert [len(p.boxes) for p in dataset.photos] == [2, 1, 0]
    assert [(loss.kind, loss.reason) for loss in dataset.losses] == [(Lost.ANNOTATION, "a.jpg: a tag")]
