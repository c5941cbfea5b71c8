"""Convert a dataset of any format to COCO. The image files are copied unchanged."""

import json
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from os.path import abspath, commonpath
from pathlib import Path

from facedet.common.errors import UserError
from facedet.common.files import refuse_inputs, write_beside
from facedet.common.progress import Progress, silent
from facedet.data.dataset import DatasetSource, read_dataset
from facedet.data.structures import Photo

_FACE = "face"  # the class of faces that have none


def to_coco(
    source: DatasetSource, folder: Path, progress: Progress = silent, tell: Callable[[str], None] = lambda line: None
) -> Path:
    """Write `folder`/annotations.json and copy the images to `folder`/images; returns the path of the JSON file.

    Images keep their file names, and also their folders if file names collide. Ignored faces get `iscrowd`. Classes
    keep their names, and faces without one become `face`. tell: called with a line for each image or box that is left
    out. Raises UserError, for example if the folder is not empty or is inside the dataset.
    """
    _check_target(source, folder)
    dataset = read_dataset(source)
    for line in dataset.skipped:
        tell(line)
    targets = _targets(photo.path for photo in dataset.photos)
    for image, target in progress(targets.items(), "copy"):
        with write_beside(folder / "images" / target) as temporary:
            shutil.copyfile(image, temporary)
    path = folder / "annotations.json"
    with write_beside(path) as temporary:
        temporary.write_text(json.dumps(_content(dataset.photos, targets)), encoding="utf-8")
    return path


def _check_target(source: DatasetSource, folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder}: is not an empty folder; choose another one for the converted dataset")
    refuse_inputs([folder], [source.path, source.images])


def _targets(images: Iterable[Path]) -> dict[Path, Path]:
    """Target of each image, relative to images/. Targets differ even on file systems that ignore case."""
    by_name: dict[str, dict[Path, Path]] = defaultdict(dict)
    for image in images:
        by_name[image.name.casefold()][image] = Path(abspath(image))  # resolves '..', which could lead out of images/
    targets: dict[Path, Path] = {}
    for same_name in by_name.values():
        shared = commonpath([path.parent for path in same_name.values()])
        targets |= {image: path.relative_to(shared) for image, path in same_name.items()}
    return targets


def _content(photos: Sequence[Photo], targets: dict[Path, Path]) -> dict[str, list]:
    ids = {path: k for k, path in enumerate(dict.fromkeys(photo.path for photo in photos), start=1)}
    sizes = {photo.path: (photo.width, photo.height) for photo in photos}
    images = [
        {"id": k, "file_name": targets[path].as_posix(), "width": sizes[path][0], "height": sizes[path][1]}
        for path, k in ids.items()
    ]
    annotations: list[dict] = []
    categories: dict[str, int] = {}
    for photo in photos:
        names = [name or _FACE for name in photo.classes] or [_FACE] * len(photo.boxes)
        for (x1, y1, x2, y2), ignored, name in zip(photo.boxes.tolist(), photo.ignored.tolist(), names, strict=True):
            box = [x1, y1, x2 - x1, y2 - y1]
            category = categories.setdefault(name, len(categories) + 1)
            common = {"id": len(annotations) + 1, "image_id": ids[photo.path], "category_id": category}
            annotations.append({**common, "bbox": box, "area": box[2] * box[3], "iscrowd": int(ignored)})
    named = [{"id": number, "name": name} for name, number in (categories or {_FACE: 1}).items()]
    return {"images": images, "annotations": annotations, "categories": named}
