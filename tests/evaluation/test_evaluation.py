"""Accuracy as the field measures it: golden figures, hand-made cases, reports, and the same AP from every form."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from helpers.boxes import boxes, detections
from scipy.io import savemat

from facedet.cli import main
from facedet.core.common.errors import UserError
from facedet.core.common.parallel import map_ahead
from facedet.core.data.dataset import DatasetSource, read_dataset
from facedet.core.data.image import read_image, write_png
from facedet.core.data.structures import Detections, Photo
from facedet.core.evaluation.compare import compare_models
from facedet.core.evaluation.evaluate import evaluate
from facedet.core.evaluation.metrics.curve import Curve
from facedet.core.evaluation.metrics.faces import Case, found_faces, worst_false_positives, worst_misses
from facedet.core.evaluation.metrics.heights import ap64_curve
from facedet.core.evaluation.metrics.wider import read_truth, wider_curves
from facedet.core.evaluation.predictions import NO_DETECTIONS, read_predictions, save, select_predictions, wider_name
from facedet.core.evaluation.report import cut_outs


def test_faces_marked_as_ignored_neither_count_nor_punish() -> None:
    faces, found = boxes((0, 0, 80, 80), (200, 0, 90, 90)), detections((0, 0, 80, 80, 0.9), (200, 0, 90, 90, 0.95))
    assert ap64_curve([faces], [found], [np.array([False, True])]).area == pytest.approx(1.0)
    assert ap64_curve([faces[:1]], [found]).area == pytest.approx(0.5)


def test_the_area_takes_every_point() -> None:
    curve = Curve(np.array([0.5, 0.5, 1.0]), np.array([1.0, 0.5, 2 / 3]), np.array([0.9, 0.8, 0.7]))
    assert curve.area == pytest.approx(0.5 + 0.5 * 2 / 3)


def photo(name: str, faces: np.ndarray, *ignored: bool) -> Photo:
    return Photo(Path(name), 500, 500, faces, np.array(ignored or [False] * len(faces)))


def test_the_worst_cases_are_named() -> None:
    photos = [photo("a.png", boxes((0, 0, 20, 20), (100, 100, 60, 60))), photo("b.png", boxes((0, 0, 40, 40)), True)]
    found = [
        detections((0, 0, 20, 20, 0.2), (300, 300, 30, 30, 0.7)),
        detections((0, 0, 39, 39, 0.9), (90, 90, 9, 9, 0.8)),
    ]
    misses = worst_misses(photos, found, 0.3)
    assert [(c.photo, c.height) for c in misses] == [(0, 60), (0, 20)]  # the small one's score is under the threshold
    assert [(c.photo, c.score) for c in worst_false_positives(photos, found)] == [(1, 0.8), (0, 0.7)]
    assert found_faces(photos[0], found[0], 0.1).tolist() == [True, False]


def test_predictions_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds neither detections\.json nor EVENT/FILE\.txt"):
        read_predictions(tmp_path)
    (tmp_path / "0--E").mkdir()
    (tmp_path / "0--E" / "x.txt").write_text("0--E/x\n2\n1 2 3 4 0.5\n")
    with pytest.raises(UserError, match=r"x\.txt: .*its second line says 2 detections, 1 follow"):
        read_predictions(tmp_path)
    (tmp_path / "detections.json").write_text('[{"file_name": "x"}]')
    with pytest.raises(UserError, match="not the detections that `facedet detect` writes"):
        read_predictions(tmp_path)
    with pytest.raises(UserError, match=r"names none of the set's pictures \(it has y\.png\)"):
        select_predictions({"y.png": NO_DETECTIONS}, [Path("x.png")], tmp_path)
    with pytest.raises(UserError, match="two pictures would have the same"):
        save(["s/a", "s/a"], [NO_DETECTIONS, NO_DETECTIONS], tmp_path)
    with pytest.raises(UserError, match="is not an empty folder"):
        save(["s/a"], [NO_DETECTIONS], tmp_path)
    with pytest.raises(UserError, match=r"'1\.jpg' fits a/1\.jpg and b/1\.jpg"):
        select_predictions({"1.jpg": NO_DETECTIONS}, [Path("a/1.jpg"), Path("b/1.jpg")], tmp_path)
    assert select_predictions({"a/1": NO_DETECTIONS}, [Path("a/1.jpg"), Path("b/2.jpg")], tmp_path)[1] == 1
    for row in ('"bbox": [1, 2, 3], "score": 1', '"bbox": [1, 2, 3, NaN], "score": 1'):
        (tmp_path / "detections.json").write_text('[{"file_name": "x", ' + row + "}]")
        with pytest.raises(UserError, match="not the detections that"):
            read_predictions(tmp_path)
    with pytest.raises(UserError, match="no such file or folder"):
        read_predictions(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "give a model to evaluate, or --predictions, not both"),
        (["x.pth"], "give a set, or --predictions with --wider-ground-truth"),
        (["x.pth", "set", "--metrics", "ap65"], "--metrics ap65: give some of coco wider ap64"),
        (["x.pth", "set", "--metrics", "wider"], "wider needs --wider-ground-truth"),
        (["--predictions", "p", "--wider-ground-truth", "."], "wider_face_val.mat: no such file"),
        (["x.pth", "set", "other"], "other: one set at a time"),
    ],
)
def test_what_cannot_be_evaluated_is_told_in_one_line(arguments: list[str], told: str) -> None:
    done = CliRunner().invoke(main, ["evaluate", *arguments])
    assert done.exit_code == 2
    assert told in done.output.splitlines()[-1]


def test_every_form_of_a_model_gets_the_same_ap(
    exported: dict[str, Path], trained: Path, drawn: Path, tmp_path: Path
) -> None:
    source = DatasetSource(drawn / "val.json")
    done = [evaluate(path, source) for path in (trained / "best.pth", exported["onnx"], exported["fp32"])]
    assert done[0].metrics["coco"]["AP50"] > 0.05
    summary = json.loads((trained / "summary.json").read_text())
    assert done[0].metrics["coco"]["AP"] == pytest.approx(summary["best"]["AP"], abs=1e-3)  # what validation measured
    for other in done[1:]:
        assert other.metrics["coco"]["AP"] == pytest.approx(done[0].metrics["coco"]["AP"], abs=1e-3)
        assert other.metrics["ap64"] == pytest.approx(done[0].metrics["ap64"], abs=1e-3)
    save(done[2].names, done[2].detections, tmp_path / "all")
    again = evaluate(None, source, predictions=tmp_path / "all")
    assert again.metrics["coco"]["AP"] == pytest.approx(done[2].metrics["coco"]["AP"], abs=1e-3)


def test_an_unreadable_picture_is_named_and_left_out(exported: dict[str, Path], drawn: Path, tmp_path: Path) -> None:
    shutil.copytree(drawn, tmp_path / "set")
    spoilt = tmp_path / "set" / "images" / "val-002.png"
    spoilt.write_bytes(spoilt.read_bytes()[:2000])
    options = ["--report", tmp_path / "report", "--save-predictions", tmp_path / "predictions"]
    arguments = [exported["fp32"], tmp_path / "set" / "val.json", *options, "--metrics", "coco", "ap64"]
    done = CliRunner().invoke(main, ["evaluate", *map(str, arguments)])
    assert done.exit_code == 0, done.output
    assert "7 photographs" in done.output
    assert "left out: " in done.output
    assert "val-002.png" in done.output
    page = (tmp_path / "report" / "evaluation.html").read_text()
    assert "data:image/png;base64," in page
    assert len(list((tmp_path / "predictions" / "images").glob("*.txt"))) == 7
    assert {"coco", "ap64", "ap50_by_height", "worst_misses"} <= json.loads(
        (tmp_path / "report" / "evaluation.json").read_text()
    ).keys()


def test_an_ir_streams_in_order(exported: dict[str, Path], pictures: Path) -> None:
    from facedet.core.data.image import to_tensor
    from facedet.core.inference.session import open_session

    session = open_session(exported["fp32"])
    tensors = [to_tensor(read_image(path), 320) for path in sorted(pictures.iterdir())] * 3
    for streamed, tensor in zip(session.stream(iter(tensors)), tensors, strict=True):
        np.testing.assert_allclose(streamed, session.rows(tensor), atol=1e-3)


def test_reading_ahead_keeps_the_order_and_passes_errors_on() -> None:
    assert list(map_ahead(lambda k: k * k, range(50))) == [k * k for k in range(50)]
    with pytest.raises(ZeroDivisionError):
        list(map_ahead(lambda k: 1 // k, [1, 0, 1]))


def test_a_comparison_names_what_was_gained_and_lost(exported: dict[str, Path], drawn: Path, tmp_path: Path) -> None:
    models = exported["fp32"], exported["fp16"]
    same = compare_models((models[0], models[0]), DatasetSource(drawn / "val.json"), threshold=0.05)
    assert same.gained == same.lost == []
    assert sum(row.both for row in same.sizes) > 0
    deaf = compare_models(models, DatasetSource(drawn / "val.json"), threshold=0.999)
    assert sum(row.both + row.gained + row.lost for row in deaf.sizes) == 0
    arguments = [*models, drawn / "val.json", "--report", tmp_path, "--threshold", "0.05"]
    done = CliRunner().invoke(main, ["compare", *map(str, arguments)])
    assert done.exit_code == 0, done.output
    assert "faces gained" in done.output
    assert json.loads((tmp_path / "comparison.json").read_text())["images"] == 8


def test_gains_and_losses_are_counted_by_size() -> None:
    from facedet.core.evaluation import compare

    faces = boxes((0, 0, 20, 20), (100, 100, 100, 100), (250, 0, 100, 100))
    photos = [photo("a.png", faces)]
    first = detections((0, 0, 20, 20, 0.9), (100, 100, 100, 100, 0.9))
    second = detections((100, 100, 100, 100, 0.9), (250, 0, 100, 100, 0.9), (400, 400, 20, 20, 0.9))
    done = compare._compare((Path("x"), Path("y")), 0.3, photos, [[first], [second]], [])
    by_size = {(r.lowest, r.highest): (r.faces, r.both, r.gained, r.lost) for r in done.sizes if r.faces}
    assert by_size == {(16, 32): (1, 0, 0, 1), (64, 128): (2, 1, 1, 0)}
    assert [c.height for c in done.gained] == [100]
    assert [len(each) for each in done.alarms] == [0, 1]


@pytest.fixture
def small_wider(drawn: Path, tmp_path: Path) -> Path:
    """Two events of drawn pictures in the official folders, with made .mat files."""
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
        for cells, each in ((files, listed), (faces, annotated), (counted, kept)):
            cells.append(cell(each))
    folder = tmp_path / "eval_tools" / "ground_truth"
    folder.mkdir(parents=True)
    common = {"event_list": cell([np.array([n], dtype=object) for n in names]), "file_list": cell(files)}
    savemat(folder / "wider_face_val.mat", {**common, "face_bbx_list": cell(faces)})
    none = [cell([np.zeros((0, 1), np.uint8)] * len(each)) for each in counted[1:]]
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


def test_outputs_never_replace_what_is_read(exported: dict[str, Path], drawn: Path, tmp_path: Path) -> None:
    shutil.copytree(drawn, tmp_path / "set")
    before = {path: path.read_bytes() for path in (tmp_path / "set").rglob("*") if path.is_file()}
    annotations = tmp_path / "set" / "val.json"
    commands = [
        ["evaluate", exported["fp32"], annotations, "--json", annotations],
        ["evaluate", exported["fp32"], annotations, "--images", tmp_path / "set", "--report", tmp_path / "set" / "r"],
        [
            "compare",
            exported["fp32"],
            exported["fp16"],
            annotations,
            "--images",
            tmp_path / "set",
            "--report",
            tmp_path / "set",
        ],
        ["data", "check", annotations, "--json", annotations],
    ]
    for command in commands:
        done = CliRunner().invoke(main, list(map(str, command)))
        assert done.exit_code == 2
        assert "which is only read" in done.output
    assert before == {path: path.read_bytes() for path in (tmp_path / "set").rglob("*") if path.is_file()}


def test_a_set_in_the_working_directory_keeps_its_predictions_in_their_folder(
    exported: dict[str, Path], drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(drawn, tmp_path / "set")
    monkeypatch.chdir(tmp_path / "set" / "images")
    arguments = ["evaluate", exported["fp32"], "../val.json", "--save-predictions", tmp_path / "out"]
    assert CliRunner().invoke(main, list(map(str, arguments))).exit_code == 0
    assert len(list((tmp_path / "out" / "images").glob("*.txt"))) == 8


def test_cut_outs_of_boxes_beyond_the_picture_are_made(drawn: Path) -> None:
    (picture, *_) = read_dataset(DatasetSource(drawn / "val.json")).photos
    wild = [Case(0, np.array(box, float)) for box in ([-200, 20, -150, 70], [0, 0, 60000, 60000], [5, 5, 25, 25])]
    assert [image.shape for image in cut_outs([picture], wild, (0, 0, 255))] == [(320, 320, 3)] * 3
    gone = Photo(Path("gone.png"), 9, 9, picture.boxes, picture.ignored)
    assert len(cut_outs([gone], wild, (0, 0, 255))) == 3


def test_the_cards_table_is_reproduced_in_one_command(
    small_wider: Path, exported: dict[str, Path], drawn: Path, tmp_path: Path
) -> None:
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
    found = {wider_name(p.path)[len("images/") :]: d for p, d in zip(*predicted(exported["fp32"], source), strict=True)}
    expected = wider_curves(truth, [found[name.split("/")[1]] for name in truth.names])
    for line, setting in zip(lines[2:5], ("easy", "medium", "hard"), strict=True):
        assert float(line[-2]) == pytest.approx(100 * expected[setting].area, abs=0.5)  # pictures re-encoded on the way
    missing = next((small_wider / "WIDER_val" / "images" / "0--Parade").iterdir())
    missing.unlink()
    done = CliRunner().invoke(main, ["reproduce", *map(str, arguments)])
    assert done.exit_code == 2
    assert f"{missing}: no such picture (1 of 5 are missing" in done.output
