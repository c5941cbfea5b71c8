"""Write a set of any format as COCO, its pictures copied unchanged."""

import json
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable
from os.path import abspath, commonpath
from pathlib import Path

from facedet.core.common.errors import UserError
from facedet.core.common.files import refuse_inputs, write_beside
from facedet.core.common.progress import Progress, silent
from facedet.core.data.dataset import DatasetSource, read_dataset
from facedet.core.data.structures import Photo


def to_coco(
    source: DatasetSource, folder: Path, progress: Progress = silent, tell: Callable[[str], None] = lambda line: None
) -> Path:
    """Write `folder`/annotations.json and the pictures under `folder`/images; returns the json's path.

    Pictures keep their names, and their folders where names collide; ignored faces become `iscrowd`, every class
    becomes `face`. tell is told each picture or box that is left out. Raises UserError, also where the folder is not
    empty or lies within the set.
    """
    _check_target(source, folder)
    faces = read_dataset(source)
    for line in faces.skipped:
        tell(line)
    targets = _targets(photo.path for photo in faces.photos)
    for picture, target in progress(targets.items(), "copy"):
        with write_beside(folder / "images" / target) as beside:
            shutil.copyfile(picture, beside)
    path = folder / "annotations.json"
    with write_beside(path) as beside:
        beside.write_text(json.dumps(_content(faces.photos, targets)), encoding="utf-8")
    return path


def _check_target(source: DatasetSource, folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder}: is not an empty folder; choose another one for the converted set")
    refuse_inputs([folder], [source.path, source.images])


def _targets(pictures: Iterable[Path]) -> dict[Path, Path]:
    """Where each picture goes, relative to images/: no two to one place, on no file system."""
    by_name: dict[str, dict[Path, Path]] = defaultdict(dict)
    for picture in pictures:
        by_name[picture.name.casefold()][picture] = Path(abspath(picture))  # no '..' may lead out of images/
    targets: dict[Path, Path] = {}
    for same in by_name.values():
        shared = commonpath([path.parent for path in same.values()])
        targets |= {picture: path.relative_to(shared) for picture, path in same.items()}
    return targets


def _content(photos: list[Photo], targets: dict[Path, Path]) -> dict[str, list]:
    ids = {path: k for k, path in enumerate(dict.fromkeys(photo.path for photo in photos), start=1)}
    sizes = {photo.path: (photo.width, photo.height) for photo in photos}
    images = [
        {"id": k, "file_name": targets[path].as_posix(), "width": sizes[path][0], "height": sizes[path][1]}
        for path, k in ids.items()
    ]
    annotations: list[dict] = []
    for photo in photos:
        for (x1, y1, x2, y2), ignored in zip(photo.boxes.tolist(), photo.ignored.tolist(), strict=True):
            box = [x1, y1, x2 - x1, y2 - y1]
            common = {"id": len(annotations) + 1, "image_id": ids[photo.path], "category_id": 1}
            annotations.append({**common, "bbox": box, "area": box[2] * box[3], "iscrowd": int(ignored)})
    return {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "face"}]}
