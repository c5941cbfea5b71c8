"""CVAT for images 1.1."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers.formats import replace_in

from facedet.common.errors import UserError
from facedet.data.dataset import DatasetSource, read_dataset


@pytest.mark.parametrize(
    ("text", "reason"),
    [("<annotation/>", "its root is <annotation>"), ("<annotations>", "no element found"), ("no xml", "syntax error"),
     ("<annotations><track><box/></track></annotations>", "CVAT for video; export the task as CVAT for images 1.1")],
)  # fmt: skip
def test_an_xml_that_is_not_cvat_is_refused(text: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "set.xml").write_text(text)
    with pytest.raises(UserError, match=rf"set\.xml: not a CVAT for images 1\.1 XML \(.*{reason}"):
        read_dataset(DatasetSource(tmp_path / "set.xml", format="cvat"))


def test_cvat_errors_are_left_out_one_by_one_and_rotated_boxes_become_axis_aligned(made: Callable) -> None:
    folder = made("cvat")
    file = folder / "annotations.xml"
    replace_in(file, 'name="c.jpg"', "")
    replace_in(file, 'xtl="10"', 'xtl="ten"')
    replace_in(file, 'xtl="50"', 'rotation="90.0" xtl="50"')
    dataset = read_dataset(DatasetSource(folder))
    assert [p.path.name for p in dataset.photos] == ["a.jpg", "b.png"]
    assert dataset.photos[0].boxes == pytest.approx(np.array([[54.5, 3.5, 70.5, 28.5]]))
    assert "annotations.xml: image 2: malformed (KeyError: 'name')" in dataset.skipped[0]
    assert "a.jpg: box [nan" in dataset.skipped[1]
