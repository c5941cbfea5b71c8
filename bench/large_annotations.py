"""The cost of reading large annotation files: seconds and peak memory.

    python bench/large_annotations.py

Writes files with a million annotations into a temporary folder, reads each with `read_annotations` in a process of its
own, and writes bench/results/large_annotations.txt, with the memory of the photos as objects and as `Photos`. The
images do not exist: every place where one may be is tried. CPU seconds are given beside seconds, for a machine that
others use too.
"""

import json
import platform
import resource
import time
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import numpy as np

from facedet.data.dataset import DatasetSource, read_annotations
from facedet.data.photos import Photos
from facedet.data.structures import Photo

_Boxes = list[list[list[float]]]  # of each image: x y w h in pixels


def _coco(boxes: _Boxes, path: Path) -> None:
    images = [{"id": k, "file_name": _name(k), "width": 640, "height": 480} for k in range(len(boxes))]
    faces = [
        {"image_id": k, "bbox": box, "category_id": 1, "iscrowd": 0, "area": box[2] * box[3], "segmentation": []}
        for k, each in enumerate(boxes)
        for box in each
    ]
    for number, face in enumerate(faces):
        face["id"] = number
    content = {"images": images, "annotations": faces, "categories": [{"id": 1, "name": "face"}]}
    path.write_text(json.dumps(content))


def _datumaro(boxes: _Boxes, path: Path) -> None:
    items = [
        {
            "id": f"{k:012}",
            "annotations": [{"type": "bbox", "label_id": 0, "attributes": {}, "bbox": box} for box in each],
            "image": {"path": _name(k), "size": [480, 640]},
        }
        for k, each in enumerate(boxes)
    ]
    content = {"categories": {"label": {"labels": [{"name": "face"}]}}, "items": items}
    path.write_text(json.dumps(content))


def _via(boxes: _Boxes, path: Path) -> None:
    content = {}
    for k, each in enumerate(boxes):
        shapes = [dict(zip(("x", "y", "width", "height"), box, strict=True), name="rect") for box in each]
        regions = [{"shape_attributes": shape, "region_attributes": {"type": "face"}} for shape in shapes]
        content[_name(k)] = {"filename": _name(k), "size": -1, "regions": regions, "file_attributes": {}}
    path.write_text(json.dumps(content))


def _cvat(boxes: _Boxes, path: Path) -> None:
    with path.open("w") as out:
        out.write("<?xml version='1.0'?>\n<annotations><version>1.1</version>\n")
        for k, each in enumerate(boxes):
            out.write(f'<image id="{k}" name="{_name(k)}" width="640" height="480">\n')
            for x, y, w, h in each:
                corners = f'xtl="{x}" ytl="{y}" xbr="{x + w}" ybr="{y + h}"'
                out.write(f'<box label="face" source="manual" occluded="0" {corners} z_order="0"></box>\n')
            out.write("</image>\n")
        out.write("</annotations>\n")


def _wider(boxes: _Boxes, path: Path) -> None:
    with path.open("w") as out:
        for k, each in enumerate(boxes):
            faces = [f"{x} {y} {w} {h} 0 0 0 0 0 0 " for x, y, w, h in each] or ["0 0 0 0 0 0 0 0 0 0 "]
            out.write("\n".join([_name(k), str(len(each)), *faces, ""]))


FORMATS: dict[str, tuple[str, Callable[[_Boxes, Path], None]]] = {
    "coco": ("json", _coco),
    "datumaro": ("json", _datumaro),
    "via": ("json", _via),
    "cvat": ("xml", _cvat),
    "wider": ("txt", _wider),
}


@click.command()
@click.option("--faces", default=1_000_000, show_default=True)
def main(faces: int) -> None:
    lines = [f"{faces:,} annotations ({platform.machine()}): seconds (CPU) and peak memory, MB (before reading)"]
    for format in FORMATS:
        for images in (60_000, 1_000):
            # each process starts anew: a process inherits the peak of the one that starts it
            spawned = ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1)
            with TemporaryDirectory() as scratch, spawned as pool:
                path = pool.submit(_write, format, images, faces, Path(scratch)).result()
                figures = pool.submit(_read, path).result()
            assert (figures["images"], figures["faces"]) == (images, faces)
            seconds = f"{figures['seconds']:6.1f} s ({figures['cpu']:.1f})"
            memory = f"{figures['memory_mb']:6.0f} ({figures['before_mb']:.0f})"
            lines.append(f"{format:10} {images:7,} images {seconds} {memory}")
            click.echo(lines[-1])
    for images in (60_000, 1_000):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            objects, arrays = pool.submit(_held, images, faces).result()
        lines.append(f"photos of {images:7,} images: {objects:.0f} MB as objects, {arrays:.0f} MB as `Photos`")
        click.echo(lines[-1])
    (Path(__file__).parent / "results" / "large_annotations.txt").write_text("\n".join(lines) + "\n")


def _write(format: str, images: int, faces: int, folder: Path) -> Path:
    suffix, write = FORMATS[format]
    path = folder / f"set.{suffix}"
    write([part.tolist() for part in _draw(images, faces)], path)
    return path


def _draw(images: int, faces: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    boxes = rng.uniform(1, 300, (faces, 4)).round(2)
    return np.split(boxes, np.sort(rng.integers(0, faces, images - 1)))


def _held(images: int, faces: int) -> tuple[float, float]:
    """Memory in MB that the photos of a dataset take as objects, and as arrays."""
    drawn = [part.astype(np.float32) for part in _draw(images, faces)]

    def objects() -> Iterator[Photo]:
        for k, boxes in enumerate(drawn):
            names = tuple("face" for _ in boxes)
            yield Photo(Path("images") / _name(k), 640, 480, boxes.copy(), np.zeros(len(boxes), bool), names)

    held = []
    for collect in (list, Photos):
        tracemalloc.start()
        kept = collect(objects())
        held.append(tracemalloc.get_traced_memory()[0] / 1e6)
        tracemalloc.stop()
        assert len(kept) == images
    return held[0], held[1]


def _name(k: int) -> str:
    return f"{k:012}.jpg"


def _read(path: Path) -> dict[str, float]:
    before, start, cpu = _memory_mb(), time.perf_counter(), time.process_time()
    photos = read_annotations(DatasetSource(path), [])
    return {
        "seconds": time.perf_counter() - start,
        "cpu": time.process_time() - cpu,
        "images": len(photos),
        "faces": sum(len(photo.boxes) for photo in photos),
        "memory_mb": _memory_mb(),
        "before_mb": before,
    }


def _memory_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
