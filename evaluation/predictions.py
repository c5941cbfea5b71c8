"""Detections on disk: the official WIDER FACE text layout, and the JSON that `detect` writes."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from facedet.core.common.errors import UserError, first_line
from facedet.core.common.files import write_beside
from facedet.core.data.structures import NO_DETECTIONS, Detections


def wider_name(path: Path) -> str:
    """A picture's name in the official layout: its folder (the event) and its name without suffix."""
    return f"{path.absolute().parent.name}/{path.stem}"


def write_wider(predictions: Mapping[str, Detections], folder: Path) -> None:
    """Write EVENT/FILE.txt for each `event/file`: a line with the name, one with the count, then x y w h score."""
    for name, found in predictions.items():
        lines = [f"{name}.jpg", str(len(found.scores))]
        for (x1, y1, x2, y2), score in zip(found.boxes.tolist(), found.scores.tolist(), strict=True):
            lines.append(f"{x1:.3f} {y1:.3f} {x2 - x1:.3f} {y2 - y1:.3f} {score:.6f}")
        with write_beside(folder / f"{name}.txt") as beside:
            beside.write_text("\n".join(lines) + "\n", encoding="utf-8")


def save(names: Sequence[str], detections: Sequence[Detections], folder: Path) -> None:
    """Write detections under `event/file` names in the official layout. Raises UserError if two would share a file, or
    the folder holds something: what an earlier run left would be read back with it."""
    if len(set(names)) < len(names):
        raise UserError(f"{folder}: two pictures would have the same EVENT/FILE.txt; evaluate their folders one by one")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder}: is not an empty folder; choose another one for the predictions")
    write_wider(dict(zip(names, detections, strict=True)), folder)


def read_predictions(source: Path) -> dict[str, Detections]:
    """Detections by name, boxes x1 y1 x2 y2 in pixels of the pictures, best first. Raises UserError.

    source: a folder in the official layout (names are `event/file`), or a detections.json or its folder (names are
    file names with suffix).
    """
    if not source.exists():
        raise UserError(f"{source}: no such file or folder")
    if source.is_file() or (source / "detections.json").is_file():
        return _read_json(source if source.is_file() else source / "detections.json")
    files = sorted(source.glob("*/*.txt"))
    if not files:
        raise UserError(f"{source}: holds neither detections.json nor EVENT/FILE.txt in WIDER FACE's layout")
    return {wider_name(path): _read_text(path) for path in files}


def select_predictions(
    predictions: Mapping[str, Detections], paths: Sequence[Path], source: Path
) -> tuple[list[Detections], int]:
    """The detections of each picture, and how many pictures have none. Raises UserError if no name fits any picture, or
    one fits two."""
    names = [next((n for n in (wider_name(p), p.name, p.stem) if n in predictions), None) for p in paths]
    used: dict[str, Path] = {}
    for name, path in zip(names, paths, strict=True):
        if name is not None and used.setdefault(name, path) != path:
            raise UserError(f"{source}: '{name}' fits {used[name]} and {path}; evaluate their folders one by one")
    if paths and not used:
        raise UserError(f"{source}: names none of the set's pictures (it has {next(iter(predictions), 'nothing')})")
    return [NO_DETECTIONS if name is None else predictions[name] for name in names], names.count(None)


def _read_text(path: Path) -> Detections:
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
        rows = np.array([line.split()[:5] for line in lines[2:] if line.strip()], np.float64).reshape(-1, 5)
        if len(rows) != int(lines[1]) or not np.isfinite(rows).all():
            raise ValueError(f"its second line says {lines[1].strip()} detections, {len(rows)} follow")
    except (OSError, ValueError, IndexError) as error:
        raise UserError(f"{path}: not predictions in WIDER FACE's layout ({first_line(error)})") from error
    return _detections(rows)


def _read_json(path: Path) -> dict[str, Detections]:
    rows = defaultdict(list)
    try:
        for row in json.loads(path.read_text(encoding="utf-8")):
            rows[str(row["file_name"])].append([*map(float, row["bbox"]), float(row["score"])])
            if len(row["bbox"]) != 4 or not np.isfinite(rows[str(row["file_name"])][-1]).all():
                raise ValueError(f"bbox {row['bbox']}, score {row['score']}")
        return {name: _detections(np.array(each, np.float64).reshape(-1, 5)) for name, each in rows.items()}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(f"{path}: not the detections that `facedet detect` writes ({first_line(error)})") from error


def _detections(rows: np.ndarray) -> Detections:
    rows = rows[np.argsort(-rows[:, 4], kind="stable")]
    return Detections(np.column_stack([rows[:, :2], rows[:, :2] + rows[:, 2:4]]), rows[:, 4])
