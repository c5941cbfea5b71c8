"""The format of a dataset is recognised by its content, and every format reads to the same photos."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.formats import FACES, MARKED, SIZES, WRITERS, as_rows, find_file

from facedet.common.errors import UserError
from facedet.data.dataset import FORMATS, DatasetSource, read_dataset, recognise


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_is_recognised_and_reads_to_the_same_photos(format: str, made: Callable) -> None:
    path = made(format)
    assert recognise(path) == format
    expected = [
        (
            name,
            *size,
            [[x, y, x + w, y + h] for x, y, w, h, _ in FACES[name]],
            [bool(ignored) and format in MARKED for *_, ignored in FACES[name]],
            ("face",) * len(FACES[name]),
        )
        for name, size in SIZES.items()
    ]
    for source in (DatasetSource(path), DatasetSource(path, format=format)):
        dataset = read_dataset(source)
        assert as_rows(dataset) == expected
        assert dataset.skipped == []


@pytest.mark.parametrize("format", ["coco", "cvat", "datumaro", "labelstudio", "via", "wider"])
def test_an_annotation_file_is_recognised_and_its_images_may_be_in_another_folder(
    format: str, made: Callable, tmp_path: Path
) -> None:
    folder = made(format)
    file = next(f for s in ("json", "xml", "txt") for f in folder.rglob(f"*.{s}"))
    moved = tmp_path / "elsewhere" / "annotated.data"
    moved.parent.mkdir()
    file.rename(moved)
    assert recognise(moved) == format
    folder_of_a = find_file(tmp_path / format, "a.jpg").parent
    images = folder_of_a.parent if format == "wider" else folder_of_a
    assert len(read_dataset(DatasetSource(moved, images=images)).photos) == 3


@pytest.mark.parametrize(
    ("path", "text"),
    [("set.txt", "a.jpg\nb.jpg\n"), ("set.xml", "<html/>"), ("set.csv", "1,2,3"), ("folder/a.txt", "hello"),
     ("folder/set.json", "{}"), ("folder/annotations/list.txt", "a.jpg\n")],
)  # fmt: skip
def test_an_unknown_format_is_refused_with_a_list_of_formats(path: str, text: str, tmp_path: Path) -> None:
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text(text)
    names = "coco, cvat, datumaro, labelme, labelstudio, via, voc, wider or yolo"
    with pytest.raises(UserError, match=f"not a dataset of any known format; .*: {names}"):
        recognise(tmp_path / path.split("/")[0])


def test_an_unknown_format_name_and_two_datasets_in_one_folder_are_refused(made: Callable) -> None:
    folder = made("coco")
    with pytest.raises(UserError, match=r"'kitti' is not a dataset format; .*--format"):
        read_dataset(DatasetSource(folder, format="kitti"))
    shutil.copy(folder / "set.json", folder / "other.json")
    with pytest.raises(UserError, match=r"contains other\.json \(coco\) and set\.json \(coco\); give one of the files"):
        read_dataset(DatasetSource(folder))
    with pytest.raises(UserError, match="gone: no such file or folder"):
        read_dataset(DatasetSource(folder / "gone"))


def test_the_given_format_overrides_the_recognised_one(made: Callable) -> None:
    folder = made("coco")
    with pytest.raises(UserError, match=r"set\.json: not a Datumaro JSON"):
        read_dataset(DatasetSource(folder / "set.json", format="datumaro"))
    with pytest.raises(UserError, match="not a dataset of the format cvat"):
        read_dataset(DatasetSource(folder, format="cvat"))
    assert [p.boxes.size for p in read_dataset(DatasetSource(folder, format="yolo")).photos] == [0, 0, 0]
    WRITERS["voc"](folder)
    with pytest.raises(UserError, match=r"contains a dataset of the format voc and set\.json \(coco\)"):
        read_dataset(DatasetSource(folder))
    assert read_dataset(DatasetSource(folder, format="voc")).faces == 2
