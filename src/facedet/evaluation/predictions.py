"""Stored detections: WIDER FACE's official text layout, and the JSON that `facedet detect` writes."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from os.path import abspath
from pathlib import Path

import numpy as np

from facedet.common.errors import UserError, first_line
from facedet.common.files import one_per_line, write_folder, write_text
from facedet.common.outputs import refuse_filled
from facedet.data.names import nearest, parts_of
from facedet.data.storage import opened
from facedet.data.structures import NO_DETECTIONS, Detections


def wider_image_name(path: Path) -> str:
    """The name of an image in the official layout, `event/file`: its folder and its file name without suffix."""
    return f"{Path(abspath(path)).parent.name or '_'}/{path.stem}"


def save_predictions(names: Sequence[str], detections: Sequence[Detections], folder: Path) -> None:
    """Write detections in the official layout: EVENT/FILE.txt for each name `event/file`, with a line for the name, one
    for the number of detections, and one `x y w h score` for each.

    Raises UserError if two images have the same name, or if the folder is not empty: files of an earlier run would be
    read with the new ones.
    """
    names = ["/".join(part for part in parts_of(name) if part != "..") for name in names]  # they stay in the folder
    if len(set(names)) < len(names):
        raise UserError(f"{folder}: two images have the same EVENT/FILE.txt; evaluate their folders separately")
    refuse_filled(folder)
    with write_folder(folder) as new:
        for name, found in zip(names, detections, strict=True):
            rows = [f"{name}.jpg", str(len(found.scores))]
            for (x1, y1, x2, y2), score in zip(found.boxes.tolist(), found.scores.tolist(), strict=True):
                rows.append(f"{x1:.3f} {y1:.3f} {x2 - x1:.3f} {y2 - y1:.3f} {score:.6f}")
            write_text(new / f"{name}.txt", one_per_line(rows))


def read_predictions(source: Path) -> dict[str, Detections]:
    """Read the detections of each image by name, in descending order of score. Raises UserError.

    Boxes are x1 y1 x2 y2 in pixels of the image. source: a folder in the official layout (names are `event/file`), or a
    detections.json or its folder (names are ends of paths, with suffix).
    """
    if not source.exists():
        raise UserError(f"{source}: no such file or folder")
    if source.is_file() or (source / "detections.json").is_file():
        return _read_json(source if source.is_file() else source / "detections.json")
    files = sorted(source.glob("*/*.txt"))
    if not files:
        raise UserError(f"{source}: contains neither detections.json nor EVENT/FILE.txt in WIDER FACE's layout")
    return {wider_image_name(path): _read_text(path) for path in files}


def match_predictions(
    predictions: Mapping[str, Detections], paths: Sequence[Path], source: Path
) -> tuple[list[Detections], int]:
    """Find the stored detections of each image path, by the longest end of the path that a name fits.

    Returns the detections of each image, and how many images have no entry. source: where the predictions are from, for
    messages. Raises UserError if no name fits any image, one fits two images equally well, or two fit one image.
    """
    by_file: dict[str, list[Path]] = defaultdict(list)
    for path in paths:
        for key in {path.name, path.stem}:
            by_file[key].append(path)
    names: dict[Path, str] = {}
    for name in predictions:
        same = by_file["".join(parts_of(name)[-1:])]
        chosen = [same[k] for k in nearest(name, [path.absolute() for path in same])]
        if len(chosen) > 1:
            raise UserError(
                f"{source}: '{name}' matches {chosen[0]} and {chosen[1]}; evaluate their folders separately"
            )
        if chosen and names.setdefault(chosen[0], name) != name:
            raise UserError(f"{source}: '{names[chosen[0]]}' and '{name}' both match {chosen[0]}; remove one of them")
    if paths and not names:
        first = next(iter(predictions), "none")
        raise UserError(f"{source}: no detections for any image of the dataset (its first entry: {first})")
    found = [predictions[names[path]] if path in names else NO_DETECTIONS for path in paths]
    return found, sum(path not in names for path in paths)


def _read_text(path: Path) -> Detections:
    try:
        with opened(path) as file:
            lines = file.read().decode("utf-8", "replace").split("\n")  # its first line is a name
        rows = np.array([line.split()[:5] for line in lines[2:] if line.strip()], np.float64).reshape(-1, 5)
        if len(rows) != int(lines[1]) or not np.isfinite(rows).all():
            raise ValueError(f"its second line states {lines[1].strip()} detections, but {len(rows)} follow")
    except (OSError, ValueError, IndexError) as error:
        raise UserError(f"{path}: not predictions in WIDER FACE's layout ({first_line(error)})") from error
    return _detections(rows)


def _read_json(path: Path) -> dict[str, Detections]:
    rows = defaultdict(list)
    try:
        with opened(path) as file:
            content = json.loads(file.read())
        for row in content:
            rows[str(row["file_name"])].append([*map(float, row["bbox"]), float(row["score"])])
            if len(row["bbox"]) != 4 or not np.isfinite(rows[str(row["file_name"])][-1]).all():
                raise ValueError(f"bbox {row['bbox']}, score {row['score']}")
        return {name: _detections(np.array(values, np.float64).reshape(-1, 5)) for name, values in rows.items()}
    except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise UserError(f"{path}: not the detections that `facedet detect` writes ({first_line(error)})") from error


def _detections(rows: np.ndarray) -> Detections:
    rows = rows[np.argsort(-rows[:, 4], kind="stable")]
    return Detections(np.column_stack([rows[:, :2], rows[:, :2] + rows[:, 2:4]]), rows[:, 4].copy())
