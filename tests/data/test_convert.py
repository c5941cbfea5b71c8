"""A dataset of any format is converted to COCO, and the source stays unchanged."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.formats import SIZES, as_rows, facedet, find_file
from PIL import Image

from facedet.common.errors import UserError
from facedet.data.convert import convert_dataset
from facedet.data.dataset import FORMATS, DatasetSource, read_dataset
from facedet.data.writers.table import TARGETS


def contents(folder: Path) -> dict[Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("format", FORMATS)
def test_a_converted_dataset_reads_the_same_and_the_source_is_unchanged(
    format: str, made: Callable, tmp_path: Path
) -> None:
    path = made(format)
    before = contents(tmp_path / format)
    assert convert_dataset(DatasetSource(path), tmp_path / "out") == tmp_path / "out" / "annotations.json"
    assert as_rows(read_dataset(DatasetSource(tmp_path / "out"))) == as_rows(read_dataset(DatasetSource(path)))
    assert contents(tmp_path / format) == before
    copied = contents(tmp_path / "out" / "images")
    assert {p.name: data for p, data in before.items() if p.name in SIZES} == {p.name: d for p, d in copied.items()}


def test_a_converted_dataset_is_valid_coco(made: Callable, tmp_path: Path) -> None:
    content = json.loads(convert_dataset(DatasetSource(made("voc")), tmp_path / "out").read_text())
    assert content["categories"] == [{"id": 1, "name": "face"}]
    assert content["images"][0] == {"id": 1, "file_name": "a.jpg", "width": 100, "height": 80}
    crowd = {"id": 2, "image_id": 1, "category_id": 1, "bbox": [50, 8, 25, 16], "area": 400, "iscrowd": 1}
    assert content["annotations"][1] == crowd
    assert [a["id"] for a in content["annotations"]] == [1, 2, 3]


def test_images_with_equal_file_names_keep_their_folders(tmp_path: Path) -> None:
    for folder, name in (("one", "1.jpg"), ("two", "1.JPG"), ("two", "2.jpg")):
        (tmp_path / "set" / folder).mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(tmp_path / "set" / folder / name)
    convert_dataset(DatasetSource(tmp_path / "set", format="yolo"), tmp_path / "out")
    assert sorted(map(str, contents(tmp_path / "out" / "images"))) == ["2.jpg", "one/1.jpg", "two/1.JPG"]
    assert len(read_dataset(DatasetSource(tmp_path / "out")).photos) == 3


def test_no_file_name_leads_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "set" / "deep").mkdir(parents=True)
    for name in ("a.png", "deep/a.png"):
        Image.new("RGB", (8, 8)).save(tmp_path / "set" / name)
    images = [{"id": k, "file_name": name} for k, name in enumerate(("deep/a.png", "deep/../a.png"))]
    (tmp_path / "set" / "set.json").write_text(json.dumps({"images": images, "annotations": []}))
    convert_dataset(DatasetSource(tmp_path / "set"), tmp_path / "out")
    assert sorted(map(str, contents(tmp_path / "out"))) == ["annotations.json", "images/a.png", "images/deep/a.png"]


def test_a_folder_that_is_not_empty_or_inside_the_dataset_is_refused(made: Callable, tmp_path: Path) -> None:
    folder = made("voc")
    before = contents(folder)
    with pytest.raises(UserError, match=r"would change .* only read"):
        convert_dataset(DatasetSource(folder), folder / "out")
    with pytest.raises(UserError, match="is not an empty folder"):
        convert_dataset(DatasetSource(folder), folder / "images")
    assert contents(folder) == before


def test_convert_works_from_the_command_line(made: Callable, tmp_path: Path) -> None:
    path = made("wider")
    find_file(tmp_path, "c.jpg").unlink()
    done = facedet("data", "convert", path, "-o", tmp_path / "out", "--to", "coco", "--format", "wider")
    assert done.exit_code == 0, done.output
    assert f"wrote {tmp_path / 'out' / 'annotations.json'}" in done.stdout
    assert "left out: " in done.stderr
    assert "c.jpg: no such file; searched in " in done.stderr
    done = facedet("data", "convert", path, "-o", tmp_path / "out", "--to", "coco")
    assert done.exit_code == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"facedet: {tmp_path / 'out'}: is not an empty folder")


@pytest.mark.parametrize("to", TARGETS)
def test_no_name_of_a_dataset_leads_out_of_the_target(to: str, tmp_path: Path) -> None:
    names = [".. /.. /.. /a.png", "k/a.png", " .png", ". /a.png", "..\\..\\b.png"]
    images = [{"id": k, "file_name": name, "width": 30, "height": 20} for k, name in enumerate(names)]
    faces = [{"id": k, "image_id": k, "category_id": 1, "bbox": [k, 1, 9, 9]} for k in range(len(names))]
    for name in names:
        path = tmp_path / "set" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (30, 20)).save(path)
    content = {"images": images, "annotations": faces, "categories": [{"id": 1, "name": "face"}]}
    (tmp_path / "set/set.json").write_text(json.dumps(content))
    source = DatasetSource(tmp_path / "set/set.json", allow_losses=True)
    before = set(tmp_path.rglob("*"))
    read = read_dataset(source).photos
    path = convert_dataset(source, tmp_path / "one/two/out", to)
    new = {each for each in set(tmp_path.rglob("*")) - before if each.is_file()}
    assert all(each.is_relative_to(tmp_path / "one/two/out") for each in new)
    again = read_dataset(DatasetSource(path)).photos
    assert sorted(p.boxes[0, 0] for p in again) == sorted(p.boxes[0, 0] for p in read)
    assert len(again) >= 4
