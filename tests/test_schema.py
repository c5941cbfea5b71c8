"""Every JSON that a verb writes states the version of its keys, and every report what it is about."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from facedet.cli import main
from facedet.common.files import SCHEMA, sha256
from facedet.data.dataset import DatasetSource, read_dataset
from facedet.data.fingerprint import fingerprint
from facedet.inference.session import open_session, shown_above


def run(*arguments: object, exit_codes: tuple[int, ...] = (0,)) -> str:
    done = CliRunner().invoke(main, [*map(str, arguments)])
    assert done.exit_code in exit_codes, done.output
    return done.stdout


def assert_about(folder: Path, name: str, *models: Path) -> dict:
    """The JSON and the page of a report state the same; returns the JSON."""
    content, text = json.loads((folder / f"{name}.json").read_text()), (folder / f"{name}.html").read_text()
    assert next(iter(content)) == "schema"
    assert content["schema"] == SCHEMA
    about = content["about"]
    assert [model["path"] for model in about["models"]] == [str(model) for model in models]
    for model, path in zip(about["models"], models, strict=True):
        assert model["sha256"][path.name] == sha256(path)
        assert model["sha256"][path.name][:12] in text
    assert about["command"].startswith("main ")
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d$", about["date"])
    assert {"face-detection-0206", "Python"} <= about["versions"].keys()
    for part in (about["date"], *about["versions"].values(), *(data["path"] for data in about["datasets"])):
        assert part in text
    return content


@pytest.fixture
def found(drawn: Path) -> dict:
    """The fingerprint of the drawn validation set."""
    return fingerprint(read_dataset(DatasetSource(drawn / "val.json")).photos)


def test_evaluate_and_compare(exported: dict[str, Path], drawn: Path, found: dict, tmp_path: Path) -> None:
    fp32, fp16, val = exported["fp32"], exported["fp16"], drawn / "val.json"
    attributes = tmp_path / "a.csv"
    attributes.write_text("image,light\nval-000.png,dim\n")
    options = ["--attributes", attributes, "--report", tmp_path / "out"]
    printed = run("evaluate", fp32, val, *options, "--json", tmp_path / "e.json")
    assert "attribute light: dim" in printed
    content = assert_about(tmp_path / "out", "evaluation", fp32)
    assert json.loads((tmp_path / "e.json").read_text()) == content
    (model,) = content["about"]["models"]
    assert model["threshold"] == content["slices"]["threshold"] == shown_above(open_session(fp32))
    assert (model["precision"], model["device"].split()[0]) == ("f32", "CPU")
    assert model["made"]["checkpoint"] == "best.pth"
    assert re.match(r"\d+ of \d+$", model["made"]["epoch"])
    assert "24 images" in model["made"]["trained on"]
    dataset = {"path": str(val), "list": "", "role": "dataset", "fingerprint": found, "licence": ""}
    assert content["about"]["datasets"] == [dataset]
    assert {"face height, px", "brightness of the face, 0 to 255", "attribute light"} <= {
        each["by"] for each in content["slices"]["slices"]
    }
    assert "attribute light" in (tmp_path / "out" / "evaluation.html").read_text()
    run("compare", fp32, fp16, val, *options)
    compared = assert_about(tmp_path / "out", "comparison", fp32, fp16)
    assert sum(row["faces"] for row in compared["slices"] if row["by"] == "attribute light") == found["faces"]


def test_a_checkpoint_states_its_run_as_its_exports_do(trained: Path, drawn: Path, tmp_path: Path) -> None:
    best = trained / "best.pth"
    run("evaluate", best, drawn / "val.json", "--metrics", "coco", "--report", tmp_path / "out")
    (model,) = assert_about(tmp_path / "out", "evaluation", best)["about"]["models"]
    assert re.match(r"\d+ of \d+$", model["made"]["epoch"])
    run("info", best, "--json")


def test_stored_detections_have_slices_that_need_no_pixels(
    exported: dict[str, Path], drawn: Path, tmp_path: Path
) -> None:
    val = drawn / "val.json"
    run("detect", exported["fp32"], drawn / "images", "-o", tmp_path / "found", "--threshold", "0")
    rows = json.loads((tmp_path / "found" / "detections.json").read_text())
    assert isinstance(rows, list)  # pycocotools' list of results
    predictions = tmp_path / "found" / "detections.json"
    run("evaluate", "--predictions", predictions, val, "--report", tmp_path / "out")
    content = assert_about(tmp_path / "out", "evaluation", predictions)
    by = {each["by"] for each in content["slices"]["slices"]}
    assert "face height, px" in by
    assert not [name for name in by if name.startswith("brightness")]


def test_attributes_without_a_dataset_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("image,light\n")
    arguments = ["evaluate", "--predictions", tmp_path, "--wider-ground-truth", tmp_path, "--attributes"]
    done = CliRunner().invoke(main, [*map(str, arguments), str(tmp_path / "a.csv")])
    assert (done.exit_code, "needs a dataset" in done.output) == (2, True)


def test_check_and_parity(
    exported: dict[str, Path], drawn: Path, two_images: Path, found: dict, tmp_path: Path
) -> None:
    run("data", "check", drawn / "val.json", "--report", tmp_path, "--json", tmp_path / "c.json", exit_codes=(0, 1))
    content = assert_about(tmp_path, "check")
    assert content["about"]["datasets"][0]["fingerprint"] == found  # that of the images as training reads them
    models = exported["onnx"], exported["fp32"]
    run("parity", *models, "--images", two_images, "--report", tmp_path)
    (images,) = assert_about(tmp_path, "parity", *models)["about"]["datasets"]
    assert (images["role"], images["fingerprint"]["images"]) == ("images", 2)


def test_training(trained: Path, drawn: Path, found: dict) -> None:
    content = json.loads((trained / "summary.json").read_text())
    assert content["schema"] == SCHEMA
    (model,) = content["about"]["models"]
    assert model["sha256"] == {"best.pth": sha256(trained / "best.pth")}
    assert content["about"]["command"] == "called from Python"
    _, validation = content["about"]["datasets"]
    assert (validation["path"], validation["fingerprint"]) == (str(drawn / "val.json"), found)
    assert found["digest"][:12] in (trained / "training.html").read_text()


def test_info() -> None:
    assert json.loads(run("info", "tiny", "--json"))["schema"] == SCHEMA


@pytest.mark.full
def test_quantize_and_benchmark(exported: dict[str, Path], drawn: Path, found: dict, tmp_path: Path) -> None:
    sets = ["--calibrate", drawn / "train.json", "--val", drawn / "val.json", "--max-drop", "1"]
    run("quantize", exported["fp32"], *sets, "-o", tmp_path / "int8", "--report", tmp_path)
    int8 = tmp_path / "int8" / "detector-int8.xml"
    calibration, validation = assert_about(tmp_path, "quantization", exported["fp32"], int8)["about"]["datasets"]
    assert (calibration["role"], calibration["fingerprint"]["images"]) == ("calibration", 24)
    assert validation["fingerprint"] == found
    run("benchmark", exported["fp32"], "--rounds", "1", "--json", tmp_path / "b.json")
    assert json.loads((tmp_path / "b.json").read_text())["schema"] == SCHEMA
