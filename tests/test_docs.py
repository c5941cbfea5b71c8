"""The README and the docs say what is true: their commands exist, run, and do what is said, on real images."""

import json
import re
import shutil
from pathlib import Path

import click
import numpy as np
import openvino as ov
import pytest
from helpers.graphs import in_both_modes
from helpers.markdown import FULL_MODEL, ONE_EPOCH, PAGES, README, ROOT, Block, blocks, link_some, run
from openvino import opset13 as ops

from facedet.cli import main
from facedet.data.dataset import DatasetSource, read_dataset
from facedet.data.image import read_image, to_tensor
from facedet.evaluation.evaluate import evaluate
from facedet.export.export import export_model
from facedet.inference.session import open_session, to_detections
from facedet.parity.check import check_parity
from facedet.parity.matching import box_iou, match
from facedet.parity.tolerances import TOLERANCES
from facedet.train.samples.dataset import FaceDataset
from facedet.weights.importing import import_weights
from facedet.weights.ir.graph import core
from facedet.weights.operating_point import DEFAULT_THRESHOLD

JUDGED = ("quantization",)  # pages with a test of their own, which judges the result
ALL_FACES = ("datasets",)  # pages that find problems in the whole dataset


@pytest.fixture(scope="session")
def own(faces: Path, imagenet_weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where the README's commands to fine-tune on your images have been run, training for 20 of 82 epochs."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "faces").symlink_to(faces)
    (folder / "configs").symlink_to(ROOT / "configs")
    (folder / "photo.jpg").symlink_to(min((faces / "images").iterdir()))
    (block,) = blocks(README, "Fine-tune on your images")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TORCH_HOME", str(imagenet_weights))
        run(block, folder, "--epochs 20")
    return folder


@pytest.fixture(scope="session")
def few(own: Path, faces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`own` with twelve of the photographs, for pages whose results are not judged."""
    folder = tmp_path_factory.mktemp("few")
    for name in ("runs", "model"):
        shutil.copytree(own / name, folder / name)
    for name in ("configs", "photo.jpg"):
        (folder / name).symlink_to(own / name)
    link_some(faces, folder / "faces", train=8, val=4)
    return folder


def every_block() -> list[Block]:
    return [block for page in (README, *PAGES) for block in blocks(page)]


def test_commands_and_options_exist() -> None:
    used = set()
    lines = [line for block in every_block() if block.language == "sh" for line in block.commands]
    for line in (line for line in lines if line.startswith("facedet ")):
        words, command = line.split()[1:], main
        while isinstance(command, click.Group) and words and not words[0].startswith("-"):
            command = command.commands[words.pop(0)]
        known = {option for each in command.params for option in each.opts} | {"--version", "--help"}
        unknown = [word for word in words if re.match(r"--?[a-z]", word) and word not in known]
        assert not unknown, line
        used.add(command.name)
    assert {name for name in main.commands if name not in ("data", "demo")} <= used


def test_make_targets_of_the_readme_exist() -> None:
    (block,) = blocks(README, "Two commands")
    assert block.commands == ["make demo", "make test"]
    run(Block("sh", "", "make -n demo && make -n test"), ROOT)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_begins_with_a_command_and_the_readme_links_it(page: Path) -> None:
    assert re.match(r"# .+\n\n```(sh|python)\n", page.read_text(encoding="utf-8"))
    assert f"(docs/{page.name})" in README.read_text(encoding="utf-8")


def test_no_placeholder_is_left() -> None:
    for page in (README, ROOT / "CONTRIBUTING.md", *PAGES):
        assert not re.search(r"\bTODO\b|[A-Z]+_MINUTES", page.read_text(encoding="utf-8")), page


@pytest.mark.parametrize("page", [README, ROOT / "CONTRIBUTING.md", *PAGES], ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_the_readme_lists_every_command() -> None:
    table = README.read_text(encoding="utf-8").split("\n## Commands\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`.*?`) \|", table, flags=re.MULTILINE)
    names = {name.removeprefix("facedet ") for row in rows for name in re.findall(r"`(.*?)`", row)}
    data = {"data check", *(set(main.commands["data"].commands) - {"check"})}  # type: ignore[attr-defined]
    assert names == (set(main.commands) - {"data"}) | data


@pytest.mark.full
@pytest.mark.parametrize("page", [p for p in PAGES if p.stem not in FULL_MODEL + JUDGED], ids=lambda page: page.stem)
def test_the_commands_of_a_page_work(page: Path, request: pytest.FixtureRequest) -> None:
    folder = request.getfixturevalue("own" if page.stem in ALL_FACES else "few")
    for block in blocks(page):
        if block.info != "download":
            run(block, folder, ONE_EPOCH)


@pytest.mark.full
def test_the_demo_leaves_what_it_says(tmp_path: Path) -> None:
    printed = run(Block("sh", "", "facedet demo -o demo-out --epochs 4"), tmp_path)
    named = [Path(line.split()[0]) for line in printed.split("Look at\n")[1].splitlines()]
    assert len(named) == 4
    assert all((tmp_path / path).stat().st_size > 10_000 for path in named)


@pytest.mark.full
def test_fine_tuning_learns_and_its_exports_agree(own: Path) -> None:
    summary = json.loads((own / "runs" / "faces" / "summary.json").read_text())
    assert (summary["train_images"], summary["val_images"]) == (84, 21)
    assert summary["best"]["AP50"] >= 0.95
    assert summary["best"]["AP"] >= 0.50
    assert json.loads((own / "parity" / "parity.json").read_text())["agree"] is True


@pytest.mark.full
def test_what_detect_finds_is_annotated(own: Path, faces: Path) -> None:
    detections = json.loads((own / "found" / "detections.json").read_text())
    photos, right = read_dataset(DatasetSource(faces)).photos, 0
    for photo in photos:
        found = [row["bbox"] for row in detections if row["file_name"] == photo.path.name]
        boxes = np.array([[x, y, x + w, y + h] for x, y, w, h in found]).reshape(-1, 4)
        right += int((box_iou(photo.boxes, boxes).max(axis=1, initial=0) >= 0.5).sum())
    assert right >= 0.5 * sum(len(photo.boxes) for photo in photos)
    assert right >= 0.8 * len(detections)


@pytest.mark.full
def test_checkpoint_onnx_and_ir_have_the_same_ap(own: Path) -> None:
    source = DatasetSource(own / "faces", names=own / "faces" / "val.txt")
    ir = json.loads((own / "measured" / "evaluation.json").read_text())
    for model in ("runs/faces/best.pth", "model/detector.onnx"):
        found = evaluate(own / model, source).metrics
        assert found["coco"]["AP"] == pytest.approx(ir["coco"]["AP"], abs=1e-3)
        assert found["ap64"] == pytest.approx(ir["ap64"], abs=1e-3)


@pytest.mark.full
def test_int8_is_as_accurate_and_parity_tells_it_from_a_wrong_one(own: Path, faces: Path, tmp_path: Path) -> None:
    for block in blocks(ROOT / "docs" / "quantization.md"):
        run(block, own)  # fails if a figure falls by more than 0.005
    figures = {v["name"]: v for v in json.loads((own / "int8-report" / "quantization.json").read_text())["variants"]}
    assert figures["int8"]["figures"].keys() == {"AP", "AP50 64 to 128 px", "AP50 128 to 256 px"}
    model = core().read_model(own / "int8" / "detector-int8.xml")
    (image,) = model.inputs
    readers = image.get_target_inputs()
    swapped = ops.gather(image, np.array([2, 1, 0]), np.int64(1)).output(0)
    for port in readers:
        port.replace_source_output(swapped)
    ov.save_model(model, tmp_path / "swapped.xml", compress_to_fp16=False)
    models = [own / "runs" / "faces" / "best.pth", own / "int8" / "detector-int8.xml", tmp_path / "swapped.xml"]
    right, wrong = check_parity(models, faces / "images").pairs  # on all: of few boxes, one would decide
    assert right.agree, right.reasons
    assert (right.weights, right.tolerance) == ("i8", TOLERANCES["i8"])
    assert not wrong.agree
    assert "shown boxes are alike" in wrong.reasons[0]


@pytest.mark.full
def test_nine_of_ten_shown_boxes_overlap_by_nine_tenths_in_bf16(own: Path, faces: Path) -> None:
    ir = own / "model" / "detector-fp32.xml"
    exact, default = open_session(ir), open_session(ir, "default")
    images = [faces / "images" / f"{name}.jpg" for name in (faces / "val.txt").read_text().split()]
    tensors = [to_tensor(read_image(path), exact.size) for path in images]
    overlap = []
    for tensor in tensors:
        first, second = (to_detections(session.run(tensor)).above(DEFAULT_THRESHOLD) for session in (exact, default))
        i, j = match(first, second).pairs.T
        overlap += np.diag(box_iou(first.boxes[i], second.boxes[j])).tolist()
    assert len(overlap) > 10
    assert np.mean(np.array(overlap) >= 0.9) >= 0.9  # NMS keeps a neighbour with nearly the same score for the others


@pytest.mark.full
def test_calibration_keeps_the_loss_of_a_training_step(own: Path, faces: Path, tmp_path: Path) -> None:
    ir = export_model(own / "runs" / "faces" / "best.pth", tmp_path, "fp32", fold=False)["fp32"]
    dataset = FaceDataset(str(faces), names=str(faces / "train.txt"), input_size=640)
    losses = {}  # in eval mode, in training mode
    for name, images in (("naive", None), ("calibrated", faces / "images")):
        import_weights(ir, tmp_path / f"{name}.pth", calibrate_on=images)
        losses[name] = in_both_modes(tmp_path / f"{name}.pth", dataset)[2]
    assert losses["calibrated"][0] == pytest.approx(losses["naive"][0], rel=1e-3)
    assert losses["calibrated"][1] == pytest.approx(losses["calibrated"][0], rel=0.05)
    assert losses["naive"][1] > 1.2 * losses["naive"][0]
