"""Import a dataset as Label Studio tasks: FOLDER FORMAT -> a JSON list of [image, [[class, x1, y1, x2, y2, False]]]."""

import json
import sys
from pathlib import Path
from urllib.parse import unquote

from label_studio_sdk.converter.imports.coco import convert_coco_to_ls
from label_studio_sdk.converter.imports.yolo import convert_yolo_to_ls

ROOT = "/data/local-files/?d=images"


def read(folder: Path, format: str) -> list:
    tasks = folder / "tasks.json"
    if format == "coco":
        convert_coco_to_ls(str(folder / "annotations.json"), str(tasks), image_root_url=ROOT)
    else:
        convert_yolo_to_ls(str(folder), str(tasks), image_root_url=ROOT, image_ext=".jpg,.jpeg,.png,.JPG")
    found = []
    for task in json.loads(tasks.read_text()):
        name = unquote(task["data"]["image"]).removeprefix(f"{ROOT}/")
        (annotation,) = task["annotations"]
        found.append([str(folder / "images" / name), [face(result) for result in annotation["result"]]])
    return found


def face(result: dict) -> list:
    width, height, value = result["original_width"] / 100, result["original_height"] / 100, result["value"]
    x, y, w, h = value["x"] * width, value["y"] * height, value["width"] * width, value["height"] * height
    return [value["rectanglelabels"][0], x, y, x + w, y + h, False]


print(json.dumps(read(Path(sys.argv[1]), sys.argv[2])))
