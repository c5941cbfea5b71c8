"""Stored detections: written, read again, matched with images."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from facedet.cli import main
from facedet.common.errors import UserError
from facedet.data.structures import NO_DETECTIONS, Detections
from facedet.evaluation.metrics.wider import WiderTruth
from facedet.evaluation.predictions import match_predictions, read_predictions, save_predictions, wider_image_name

GoldenWider = tuple[WiderTruth, list[Detections]]


def test_invalid_predictions_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"contains neither detections\.json nor EVENT/FILE\.txt"):
        read_predictions(tmp_path)
    (tmp_path / "0--E").mkdir()
    (tmp_path / "0--E" / "x.txt").write_text("0--E/x\n2\n1 2 3 4 0.5\n")
    with pytest.raises(UserError, match=r"x\.txt: .*its second line states 2 detections, but 1 follow"):
        read_predictions(tmp_path)
    (tmp_path / "detections.json").write_text('[{"file_name": "x"}]')
    with pytest.raises(UserError, match="not the detections that `facedet detect` writes"):
        read_predictions(tmp_path)
    with pytest.raises(UserError, match=r"no detections for any image of the dataset \(its first entry: y\.png\)"):
        match_predictions({"y.png": NO_DETECTIONS}, [Path("x.png")], tmp_path)
    with pytest.raises(UserError, match="two images have the same EVENT/FILE"):
        save_predictions(["s/a", "s/a"], [NO_DETECTIONS, NO_DETECTIONS], tmp_path)
    with pytest.raises(UserError, match="is not an empty folder"):
        save_predictions(["s/a"], [NO_DETECTIONS], tmp_path)
    with pytest.raises(UserError, match=r"'1\.jpg' matches a/1\.jpg and b/1\.jpg"):
        match_predictions({"1.jpg": NO_DETECTIONS}, [Path("a/1.jpg"), Path("b/1.jpg")], tmp_path)
    assert match_predictions({"a/1": NO_DETECTIONS}, [Path("a/1.jpg"), Path("b/2.jpg")], tmp_path)[1] == 1
    for row in ('"bbox": [1, 2, 3], "score": 1', '"bbox": [1, 2, 3, NaN], "score": 1'):
        (tmp_path / "detections.json").write_text('[{"file_name": "x", ' + row + "}]")
        with pytest.raises(UserError, match="not the detections that"):
            read_predictions(tmp_path)
    with pytest.raises(UserError, match="no such file or folder"):
        read_predictions(tmp_path / "nowhere")


def found(score: float) -> Detections:
    return Detections(np.array([[1, 2, 3, 4]]), np.array([score]))


@pytest.mark.parametrize(
    ("names", "paths", "scores"),
    [
        (["a.jpg", "b.jpg"], ["s/b.jpg", "s/a.jpg"], [0.2, 0.1]),
        (["1/a.jpg", "2/a.jpg"], ["s/2/a.jpg", "s/1/a.jpg"], [0.2, 0.1]),
        (["2/a.jpg"], ["s/1/a.jpg", "s/2/a.jpg"], [None, 0.1]),
        (["old/1/a.jpg"], ["s/1/a.jpg", "s/2/a.jpg"], [0.1, None]),
        (["a.jpg", "b.jpg"], ["s/a.jpg", "s/a.png"], [0.1, None]),
        (["0--P/a"], ["s/0--P/a.jpg", "s/1--Q/a.jpg"], [0.1, None]),
    ],
)
def test_the_longest_end_of_a_path_finds_the_detections(names: list, paths: list, scores: list) -> None:
    predictions = {name: found(score) for name, score in zip(names, (0.1, 0.2), strict=False)}
    matched, missing = match_predictions(predictions, [Path(path) for path in paths], Path("p"))
    assert [each.scores.tolist() for each in matched] == [[] if score is None else [score] for score in scores]
    assert missing == scores.count(None)


@pytest.mark.parametrize(
    ("names", "paths", "message"),
    [
        (["a.jpg"], ["1/a.jpg", "2/a.jpg"], r"p: 'a\.jpg' matches 1/a\.jpg and 2/a\.jpg; evaluate their folders"),
        (["1/a.jpg", "a.jpg"], ["1/a.jpg"], r"p: '1/a\.jpg' and 'a\.jpg' both match 1/a\.jpg; remove one of them"),
        (["1/a.jpg"], ["2/a.jpg"], r"p: no detections for any image of the dataset \(its first entry: 1/a\.jpg\)"),
    ],
)
def test_detections_that_fit_two_images_or_none_are_refused(names: list, paths: list, message: str) -> None:
    with pytest.raises(UserError, match=message):
        match_predictions({name: found(0.1) for name in names}, [Path(path) for path in paths], Path("p"))


def test_detections_are_the_same_after_writing_and_reading(golden_wider: GoldenWider, tmp_path: Path) -> None:
    truth, found = golden_wider
    some = [k for k, name in enumerate(truth.names) if name.startswith(("0--", "1--"))]
    save_predictions([truth.names[k] for k in some], [found[k] for k in some], tmp_path)
    lines = (tmp_path / f"{truth.names[some[0]]}.txt").read_text().splitlines()
    assert lines[0] == f"{truth.names[some[0]]}.jpg"
    assert int(lines[1]) == len(lines) - 2 == len(found[some[0]].scores)
    read = read_predictions(tmp_path)
    for k in some:
        np.testing.assert_allclose(read[truth.names[k]].boxes, found[k].boxes, atol=2e-3)
        np.testing.assert_allclose(read[truth.names[k]].scores, found[k].scores, atol=1e-6)


def test_predictions_keep_their_folder_for_images_in_the_working_directory(
    exported: dict[str, Path], drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(drawn, tmp_path / "set")
    monkeypatch.chdir(tmp_path / "set" / "images")
    arguments = ["evaluate", exported["fp32"], "../val.json", "--save-predictions", tmp_path / "out"]
    assert CliRunner().invoke(main, list(map(str, arguments))).exit_code == 0
    assert len(list((tmp_path / "out" / "images").glob("*.txt"))) == 8


def test_a_name_from_a_dataset_does_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    name = wider_image_name(tmp_path / "set" / "images" / ".." / ".." / "photo.png")
    save_predictions([name], [NO_DETECTIONS], tmp_path / "out" / "predictions")
    assert [path.relative_to(tmp_path) for path in tmp_path.rglob("*.txt")] == [
        Path("out/predictions", tmp_path.name, "photo.txt")
    ]
