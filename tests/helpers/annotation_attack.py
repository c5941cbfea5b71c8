"""Reads annotation files that were changed at random, in a process of its own: `python -m helpers.annotation_attack
FIRST COUNT` prints a line of JSON for each sample, with its number, its name and how it ended.
"""

import json
import os
import random
import sys
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from helpers import plain_reading
from helpers.attack import random_of
from helpers.formats import ANNOTATION, SIZES, WRITERS, find_file
from helpers.mutants import mutant

from facedet.common.errors import UserError
from facedet.data.dataset import MIN_SIDE, DatasetSource, read_dataset
from facedet.data.losses import Lost
from facedet.data.structures import AnnotatedDataset, Photo

FILES = ANNOTATION | {"yaml": "data.yaml"}
_EQUAL = 0.01  # pixels


def write(format: str, folder: Path) -> tuple[DatasetSource, Path, bytes]:
    """Write three annotated images; returns the dataset, the file to change, and its content."""
    WRITERS["yolo" if format == "yaml" else format](folder)
    if format == "yaml":
        (folder / "data.yaml").write_text("train: images\nnc: 2\nnames: [mask, face]\n")
    file = find_file(folder, FILES[format])
    root = folder / "wider_face_split" if format == "wider" else folder
    return DatasetSource(root, allow_losses=True), file, file.read_bytes()


def faults(dataset: AnnotatedDataset, said: plain_reading.Reading, sure: bool) -> Iterator[str]:
    """What was read otherwise than the file says, without a word. sure: whether the file says it plainly."""
    photos = {photo.path.name: photo for photo in dataset.photos}
    silent = not dataset.losses
    for name in photos.keys() - said.keys():
        yield f"{name} is used, of which the file says nothing"
    for name, faces in said.items():
        photo = photos.get(name)
        if photo is None:
            if silent and (faces or name):
                yield f"{name!r:.60} is left out"
        elif sure and None not in faces and ... not in faces:
            yield from _differences(photo, faces, dataset)
        elif silent and ((sure and None in faces) or len(photo.boxes) < len(faces)):
            yield f"{name} is used with the boxes {photo.boxes.tolist()}, not {faces}"


def _differences(photo: Photo, faces: list, dataset: AnnotatedDataset) -> Iterator[str]:
    """Where a photo differs from the faces that its file says: clipped to the image, without those that vanish."""
    width, height = SIZES[photo.path.name]
    rows = np.array(faces, float).reshape(-1, 5)
    rows[:, :4] = rows[:, :4].clip(0, [width, height, width, height])
    kept = rows[((rows[:, 2:4] - rows[:, :2]) >= MIN_SIDE).all(axis=1)]
    lost = sum(loss.kind == Lost.BOX and loss.file == photo.path for loss in dataset.losses)
    used = np.column_stack([photo.boxes, photo.ignored])
    first, second = (each[np.lexsort(each.round(1).T)] for each in (kept, used))
    if len(used) + lost < len(faces):
        yield f"{photo.path.name} has {len(used)} boxes and {lost} lost ones, not {len(faces)}"
    elif first.shape == second.shape and not np.allclose(first, second, atol=_EQUAL):
        yield f"{photo.path.name} has {used.tolist()}, not {kept.tolist()}"
    elif first.shape != second.shape and abs(len(first) - len(second)) > lost:
        yield f"{photo.path.name} has {len(used)} boxes, not {len(kept)}"


def attempt(rng: random.Random, made: dict[str, tuple[DatasetSource, Path, bytes]]) -> tuple[str, str]:
    """The name of a random sample, and how it ended."""
    format = rng.choice(list(FILES))
    source, file, data = made[format]
    change, changed, same = mutant(rng, file, data)
    name = f"{format} {change}"
    file.write_bytes(changed)
    errors = os.fstat(2).st_size
    try:
        dataset = read_dataset(source)
        found = list(faults(dataset, *_said(format, changed, same)))
        if same and dataset.losses and change not in ("deep", "crlf"):
            found.append(f"says the same, but {dataset.losses[0]}")
        end = "; ".join(found)[:600] or "clean"
    except UserError as error:
        end = "refused" if len(str(error).splitlines()) == 1 else f"in several lines: {error}"
        end = f"says the same, but is refused: {error}" if same else end
    except BaseException:
        end = f"traceback: {traceback.format_exc()[-700:]}"
    finally:
        file.write_bytes(data)
    return name, f"{end}; it wrote on stderr" if os.fstat(2).st_size > errors else end


def _said(format: str, changed: bytes, same: bool) -> tuple[plain_reading.Reading, bool]:
    """What a changed file says, and whether it says it plainly."""
    if format == "yaml":
        return plain_reading.truth("yolo"), True
    if same:
        return plain_reading.truth(format), True
    try:
        return plain_reading.read(format, changed), True
    except Exception:
        return plain_reading.truth(format), False


def main(first: int, count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        made = {format: write(format, Path(folder) / format) for format in FILES}
        for number in range(first, first + count):
            name, end = attempt(random_of(f"annotations {number}"), made)
            print(json.dumps([number, name, end]), flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
