"""The published card's table, measured on a small copy of WIDER FACE val."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.io import savemat

from facedet.cli import main
from facedet.data.dataset import DatasetSource
from facedet.data.image import read_image, write_png
from facedet.data.structures import Detections, Photo
from facedet.evaluation.evaluate import evaluate
from facedet.evaluation.metrics.wider import read_truth, wider_curves
from facedet.evaluation.predictions import wider_image_name


@pytest.fixture
def small_wider(drawn: Path, tmp_path: Path) -> Path:
    """A dataset in the official folders: drawn images of two events, and .mat files."""
    content = json.loads((drawn / "val.json").read_text())
    events = {"0--Parade": content["images"][:3], "1--Handshaking": content["images"][3:5]}
    names, files, faces, counted = [], [], [], []
    for event, images in events.items():
        listed, annotated, kept = [], [], []
        for image in images:
            stem = Path(image["file_name"]).stem
            write_png(read_image(drawn / image["file_name"]), tmp_path / "WIDER_val" / "images" / event / f"{stem}.jpg")
            found = [a["bbox"] for a in content["annotations"] if a["image_id"] == image["id"]]
            listed.append(np.array([stem], dtype=object))
            annotated.append(np.array(found, np.int32).reshape(-1, 4))
            kept.append(np.arange(1, len(found) + 1, dtype=np.uint8).reshape(-1, 1))
        names.append(event)
        for cells, of_event in ((files, listed), (faces, annotated), (counted, kept)):
            cells.append(cell(of_event))
    folder = tmp_path / "eval_tools" / "ground_truth"
    folder.mkdir(parents=True)
    common = {"event_list": cell([np.array([n], dtype=object) for n in names]), "file_list": cell(files)}
    savemat(folder / "wider_face_val.mat", {**common, "face_bbx_list": cell(faces)})
    none = [cell([np.zeros((0, 1), np.uint8)] * len(of_event)) for of_event in counted[1:]]
    for setting, lists in (("easy", counted[:1] + none), ("medium", counted), ("hard", counted)):
        savemat(folder / f"wider_{setting}_val.mat", {**common, "gt_list": cell(lists)})
    return tmp_path


def cell(items: list) -> np.ndarray:
    """A MATLAB cell array of one column."""
    made = np.empty((len(items), 1), dtype=object)
    for k, item in enumerate(items):
        made[k, 0] = item[0] if isinstance(item, np.ndarray) and item.dtype == object and item.shape == (1,) else item
    return made


def predicted(model: Path, source: DatasetSource) -> tuple[list[Photo], list[Detections]]:
    done = evaluate(model, source)
    return done.photos, done.detections


def test_the_cards_table_is_measured(small_wider: Path, exported: dict[str, Path], drawn: Path, tmp_path: Path) -> None:
    arguments = ["--wider", small_wider, "--ir", exported["fp32"], "--report", tmp_path / "report"]
    done = CliRunner().invoke(main, ["reproduce", *map(str, arguments)])
    assert done.exit_code == 0, done.output
    lines = [line.split() for line in done.output.splitlines()]
    published = [line[-1] for line in lines[1:8]]
    assert published == ["94.274", "94.281", "93.207", "84.439", "34.200", "69.920", "339.602"]
    measured = json.loads((tmp_path / "report" / "evaluation.json").read_text())
    assert float(lines[1][-2]) == pytest.approx(100 * measured["ap64"], abs=1e-3)
    assert float(lines[2][-2]) == pytest.approx(100 * measured["wider"]["easy"], abs=1e-3)
    truth = read_truth(small_wider / "eval_tools" / "ground_truth")
    assert sum(int(c.sum()) for c in truth.counts["easy"]) < sum(int(c.sum()) for c in truth.counts["hard"])
    source = DatasetSource(drawn / "val.json")
    found = {
        wider_image_name(p.path)[len("images/") :]: d for p, d in zip(*predicted(exported["fp32"], source), strict=True)
    }
    expected = wider_curves(truth, [found[name.split("/")[1]] for name in truth.names])
    for line, setting in zip(lines[2:5], ("easy", "medium", "hard"), strict=True):
        assert float(line[-2]) == pytest.approx(100 * expected[setting].area, abs=0.5)  # the images are encoded again
    missing = next((small_wider / "WIDER_val" / "images" / "0--Parade").iterdir())
    missing.unlink()
    done = CliRunner().invoke(main, ["reproduce", *map(str, arguments)])
    assert done.exit_code == 2
    assert f"{missing}: no such file or folder (1 of 5 images are missing" in done.output
