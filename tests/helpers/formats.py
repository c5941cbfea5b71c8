"""The same three images and faces, written in every format, for the tests of the readers and of convert."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from click.testing import CliRunner, Result
from PIL import Image

from facedet.cli import main
from facedet.data.dataset import DatasetSource
from facedet.data.structures import AnnotatedDataset

SIZES = {"a.jpg": (100, 80), "b.png": (64, 128), "c.jpg": (50, 40)}  # width, height
FACES = {
    "a.jpg": [(10, 20, 30, 40, 0), (50, 8, 25, 16, 1)],
    "b.png": [(16, 32, 8, 64, 0)],
    "c.jpg": [],
}  # x y w h ignored
ANNOTATION = {  # the file with the annotation of a.jpg
    "coco": "set.json",
    "cvat": "annotations.xml",
    "datumaro": "default.json",
    "labelme": "a.json",
    "labelstudio": "project.json",
    "via": "via_project.json",
    "voc": "a.xml",
    "wider": "*_gt.txt",
    "yolo": "a.txt",
}
MARKED = ("coco", "datumaro", "labelme", "voc", "wider")  # the formats that can mark ignored faces


def write_images(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, size in SIZES.items():
        Image.new("RGB", size, (90, 120, 200)).save(folder / name)


def coco(folder: Path) -> None:
    write_images(folder / "images")
    ids = {name: k for k, name in enumerate(SIZES)}
    images = [{"id": ids[n], "file_name": n, "width": w, "height": h} for n, (w, h) in SIZES.items()]
    faces = [
        {"id": k, "image_id": ids[name], "category_id": 4, "bbox": face[:4], "iscrowd": face[4]}
        for k, (name, face) in enumerate((n, f) for n, all_ in FACES.items() for f in all_)
    ]
    content = {"images": images, "annotations": faces, "categories": [{"id": 4, "name": "face"}]}
    (folder / "set.json").write_text(json.dumps(content))


def cvat(folder: Path) -> None:
    write_images(folder / "images")
    images = "".join(
        f'<image id="{k}" name="{name}" width="{w}" height="{h}">'
        + "".join(
            f'<box label="face" occluded="0" xtl="{x}" ytl="{y}" xbr="{x + a}" ybr="{y + b}" z_order="0"/>'
            for x, y, a, b, _ in FACES[name]
        )
        + "</image>"
        for k, (name, (w, h)) in enumerate(SIZES.items())
    )
    text = f'<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version><meta/>{images}</annotations>'
    (folder / "annotations.xml").write_text(text)


def datumaro(folder: Path) -> None:
    write_images(folder / "images" / "default")
    (folder / "annotations").mkdir()
    items = [
        {
            "id": Path(name).stem,
            "annotations": [
                {"type": "bbox", "label_id": 0, "bbox": [x, y, a, b], "attributes": {"is_crowd": bool(ignored)}}
                for x, y, a, b, ignored in FACES[name]
            ],
            "image": {"path": name, "size": [h, w]},
        }
        for name, (w, h) in SIZES.items()
    ]
    content = {"info": {}, "categories": {"label": {"labels": [{"name": "face", "parent": ""}]}}, "items": items}
    (folder / "annotations" / "default.json").write_text(json.dumps(content))


def labelme(folder: Path) -> None:
    write_images(folder)
    for name, (w, h) in SIZES.items():
        shapes = [
            {
                "label": "face",
                "points": [[x, y], [x + a, y + b]],
                "group_id": None,
                "difficult": bool(ignored),
                "shape_type": "rectangle",
                "flags": {},
            }
            for x, y, a, b, ignored in FACES[name]
        ]
        content = {"version": "5.5.0", "flags": {}, "shapes": shapes, "imagePath": name, "imageData": None}
        text = json.dumps({**content, "imageHeight": h, "imageWidth": w}, indent=2)
        (folder / name).with_suffix(".json").write_text(text)


def labelstudio(folder: Path) -> None:
    write_images(folder / "images")
    tasks = [
        {
            "id": k,
            "annotations": [{"id": 10 + k, "was_cancelled": False, "result": _results(name)}],
            "data": {"image": f"/data/upload/1/0a1b2c3d-{name}"},
        }
        for k, name in enumerate(SIZES)
    ]
    (folder / "project.json").write_text(json.dumps(tasks))


def _results(name: str) -> list[dict]:
    width, height = SIZES[name]
    return [
        {
            "id": f"{name}{k}",
            "original_width": width,
            "original_height": height,
            "image_rotation": 0,
            "type": "rectanglelabels",
            "value": {
                "x": 100 * x / width,
                "y": 100 * y / height,
                "width": 100 * w / width,
                "height": 100 * h / height,
                "rotation": 0,
                "rectanglelabels": ["face"],
            },
        }
        for k, (x, y, w, h, _) in enumerate(FACES[name])
    ]


def via(folder: Path) -> None:
    write_images(folder / "images")
    files = {
        f"{name}123": {
            "filename": name,
            "size": 123,
            "regions": [
                {
                    "shape_attributes": {"name": "rect", "x": x, "y": y, "width": w, "height": h},
                    "region_attributes": {"type": "face"},
                }
                for x, y, w, h, _ in FACES[name]
            ],
            "file_attributes": {},
        }
        for name in SIZES
    }
    content = {"_via_settings": {}, "_via_img_metadata": files, "_via_attributes": {}}
    (folder / "via_project.json").write_text(json.dumps(content))


def voc(folder: Path) -> None:
    write_images(folder / "images")
    (folder / "annotations").mkdir()
    for name, (w, h) in SIZES.items():
        faces = "".join(
            f"<object><name>face</name><difficult>{ignored}</difficult><bndbox><xmin>{x}</xmin><ymin>{y}</ymin>"
            f"<xmax>{x + a}</xmax><ymax>{y + b}</ymax></bndbox></object>"
            for x, y, a, b, ignored in FACES[name]
        )
        text = f"<annotation><filename>{name}</filename><size><width>{w}</width><height>{h}</height></size>{faces}"
        (folder / "annotations" / f"{Path(name).stem}.xml").write_text(text + "</annotation>")


def wider(folder: Path) -> None:
    write_images(folder / "WIDER_val" / "images" / "0--Parade")
    (folder / "wider_face_split").mkdir()
    lines = []
    for name, faces in FACES.items():
        lines += [f"0--Parade/{name}", str(len(faces))]
        lines += [f"{x} {y} {w} {h} 0 0 0 {ignored} 0 0 " for x, y, w, h, ignored in faces or [(0, 0, 0, 0, 0)]]
    (folder / "wider_face_split" / "wider_face_val_bbx_gt.txt").write_text("\n".join(lines) + "\n")


def yolo(folder: Path) -> None:
    write_images(folder / "images")
    (folder / "labels").mkdir()
    (folder / "classes.txt").write_text("mask\nface\n")
    for name, faces in FACES.items():
        w, h = SIZES[name]
        lines = [f"1 {(x + a / 2) / w} {(y + b / 2) / h} {a / w} {b / h}" for x, y, a, b, _ in faces]
        if lines:
            (folder / "labels" / name).with_suffix(".txt").write_text("\n".join(lines) + "\n")


WRITERS: dict[str, Callable[[Path], None]] = {
    f.__name__: f for f in (coco, cvat, datumaro, labelme, labelstudio, via, voc, wider, yolo)
}


def as_rows(dataset: AnnotatedDataset) -> list[tuple]:
    """Each photo as (file name, width, height, boxes, ignored, classes)."""
    return [
        (p.path.name, p.width, p.height, np.round(p.boxes, 3).tolist(), p.ignored.tolist(), p.classes)
        for p in dataset.photos
    ]


def find_file(folder: Path, pattern: str) -> Path:
    return next(folder.rglob(pattern))


def replace_in(path: Path, old: str, new: str) -> None:
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))


def coco_content(folder: Path) -> dict:
    """Write two images of 100x80 into `folder`; returns a COCO content with one face and one crowd in the first."""
    for name in ("a.png", "b.png"):
        Image.new("RGB", (100, 80), (90, 120, 200)).save(folder / name)
    return {
        "images": [{"id": i, "file_name": n, "width": 100, "height": 80} for i, n in enumerate(("a.png", "b.png"))],
        "annotations": [
            {"id": 1, "image_id": 0, "category_id": 1, "bbox": [10, 20, 30, 40]},
            {"id": 2, "image_id": 0, "category_id": 7, "bbox": [50, 20, 30, 40], "iscrowd": 1},
        ],
        "categories": [{"id": 1, "name": "face"}, {"id": 7, "name": "crowd"}],
    }


def save_coco(folder: Path, content: object) -> DatasetSource:
    (folder / "set.json").write_text(json.dumps(content))
    return DatasetSource(folder / "set.json")


def facedet(*args: object) -> Result:
    return CliRunner().invoke(main, [str(arg) for arg in args])
