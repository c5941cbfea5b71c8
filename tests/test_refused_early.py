"""Every verb refuses a wrong name, path or setting before it imports a heavy library."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HELPERS = Path(__file__).parent / "helpers"


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """A folder of files that need only exist: a model of each kind, a dataset, images, a work dir in use."""
    for name in ("model.pth", "model.onnx", "model.xml", "model.bin", "alone.xml", "set.json"):
        (tmp_path / name).write_bytes(b"{}")
    for folder in ("images", "used", "empty"):
        (tmp_path / folder).mkdir()
    (tmp_path / "images" / "a.png").write_bytes(b"none")
    (tmp_path / "used" / "last.pth").write_bytes(b"")
    return tmp_path


TRAIN = "train tiny --train set.json --val set.json"
WRONG = {  # a command line in that folder, and a part of the one line that it ends with
    "train tini --train set.json": "tini: no such config; give a file or one of face_detection_0206, finetune, small, ",
    "train gone.py --train set.json": "gone.py: no such config",
    "train tiny --train gone": "gone: no such file or folder",
    f"{TRAIN} --val gone": "gone: no such file or folder",
    f"{TRAIN} --train-list gone.txt": "gone.txt: no such file",
    f"{TRAIN} --val-list gone.txt": "gone.txt: no such file",
    f"{TRAIN} --images gone": "gone: no such folder",
    f"{TRAIN} --format coc": "'coc' is not a dataset format",
    f"{TRAIN} --weights gone.pth": "gone.pth: no such file or folder",
    f"{TRAIN} --weights model.onnx": "model.onnx: is an exported model",
    f"{TRAIN} --weights torchvision:resnet17": "torchvision:resnet17: give weights of a network that mmdet has",
    f"{TRAIN} --work-dir used": "used: contains an earlier run",
    f"{TRAIN} --work-dir set.json/run": "set.json/run: cannot be written",
    f"{TRAIN} --work-dir empty --resume": "empty: contains no last.pth",
    f"{TRAIN} --device gpu": "--device gpu: not a device",
    f"{TRAIN} --amp yes": "--amp yes: give on, off or auto",
    f"{TRAIN} --launcher pbs": "--launcher pbs: not a launcher",
    f"{TRAIN} --logger tensorflow": "--logger tensorflow: give wandb or mlflow",
    f"{TRAIN} --compile --checkpoint-gradients": "they do not work together",
    f"{TRAIN} --dry-run --weights gone.pth": "gone.pth: no such file or folder",
    "train --train set.json": "training needs a config; give small",
    "train --train set.json --recipe contine": "--recipe contine: not a recipe; give continue",
    "train --train set.json --recipe continue": "--recipe continue: continues a checkpoint; give it with --weights",
    "train --train set.json --recipe continue --weights random": "--recipe continue: continues a checkpoint",
    "train --train set.json --recipe continue --weights gone.pth": "gone.pth: no such file or folder",
    "train --train set.json --recipe continue --weights model.pth --allow-partial": "all weights are those of the",
    "export gone.pth -o out": "gone.pth: no such file or folder",
    "export model.xml -o out": "model.xml: is an exported model",
    "export model.pth -o out --formats int3": "--formats int3",
    "export model.pth -o out --layout other": "--layout other",
    "export model.pth -o out --input u9": "--input u9",
    "export model.pth -o out --batch 0": "--batch 0",
    "export model.pth -o out --config tini": "tini: no such config",
    "import gone.xml -o out.pth": "gone.xml: no such file or folder",
    "import alone.xml -o out.pth": "alone.xml: its weights are missing",
    "import set.json -o out.pth": "set.json: neither a snapshot",
    "import model.xml -o out": "out: not the name of a checkpoint",
    "import model.xml -o out.pth --config tini": "tini: no such config",
    "import model.xml -o out.pth --calibrate gone": "gone: no such file or folder",
    "import model.xml -o out.pth --calibrate empty": "empty: contains no images",
    "import model.pth -o out.pth --calibrate images": "model.pth: a snapshot has its own",
    "quantize gone.xml --calibrate images -o out": "gone.xml: no such file or folder",
    "quantize model.onnx --calibrate images -o out": "model.onnx: give a checkpoint",
    "quantize model.pth --calibrate images -o out --config tini": "tini: no such config",
    "quantize model.pth --calibrate gone -o out": "gone: no such file or folder",
    "quantize model.pth --calibrate images --val gone -o out": "gone: no such file or folder",
    "quantize model.pth --calibrate images --val set.json --max-drop 2 -o out": "--max-drop 2",
    "quantize model.pth --calibrate set.json --calibrate-list gone.txt -o out": "gone.txt: no such file",
    "parity model.pth gone.xml --images images": "gone.xml: no such file or folder",
    "parity model.pth set.json --images images": "set.json: not a model",
    "parity model.pth --images images": "two or more models",
    "parity model.pth model.xml --images gone": "gone: no such file or folder",
    "parity model.pth --reference gone.xml --images images": "gone.xml: no such file or folder",
    "evaluate gone.pth set.json": "gone.pth: no such file or folder",
    "evaluate model.pth gone": "gone: no such file or folder",
    "evaluate model.pth set.json --list gone.txt": "gone.txt: no such file",
    "evaluate model.pth set.json --metrics map": "--metrics map",
    "evaluate model.pth set.json --config tini": "tini: no such config",
    "evaluate model.pth set.json --min-recall 95": "--min-recall 95: give a number from 0 to 1",
    "evaluate model.pth set.json --store-threshold new.xml": "--store-threshold new.xml: is a copy of model.pth",
    "export model.pth -o out --threshold 2": "--threshold 2: scores lie between 0 and 1",
    "compare model.pth gone.pth set.json": "gone.pth: no such file or folder",
    "compare model.pth model.xml gone": "gone: no such file or folder",
    "compare model.pth model.xml set.json --threshold 2": "--threshold 2",
    "reproduce --wider empty --ir gone.xml": "gone.xml: no such file or folder",
    "benchmark model.pth gone.xml": "gone.xml: no such file or folder",
    "benchmark model.xml --precision f31": "--precision f31",
    "detect gone.pth images -o out": "gone.pth: no such file or folder",
    "detect model.pth gone -o out": "gone: no such file or folder",
    "detect model.pth images -o out --threshold 2": "--threshold 2",
    "detect model.pth images -o out --ids gone.json": "gone.json: no such file",
    "detect model.pth images -o out --config tini": "tini: no such config",
    "detect model.onnx images -o out --device GPU": "--device GPU: model.onnx runs on the CPU only",
    "detect model.pth images -o out --device GPU": "--device GPU: not a device; give cpu, cuda",
    "evaluate model.xml set.json --device nowhere": "--device nowhere: OpenVINO does not find it; give CPU",
    "evaluate set.json --predictions set.json --device GPU": "--device GPU: is for MODEL",
    "compare model.xml model.xml set.json --device AUTO:CPU,NOWHERE": "OpenVINO does not find it",
    "quantize model.xml --calibrate images -o out --device HETERO:NOWHERE": "OpenVINO does not find it",
    "parity model.xml --images images --device NOWHERE": "OpenVINO does not find it",
    "parity model.pth model.xml --images images --device cuda": "--device cuda: OpenVINO does not find it",
    "benchmark model.xml --device NOWHERE": "OpenVINO does not find it",
    "info tini": "tini: no such config",
    "info gone.pth": "gone.pth: no such file or folder",
    "info model.pth --config tini": "tini: no such config",
    "card gone.xml -o card.md": "gone.xml: no such file or folder",
    "card model.xml -o card.txt": "card.txt: not the name of a card; give one that ends in .md or .html",
    "card model.xml --parity set.json -o card.md": "set.json: not the JSON of `facedet parity`; give that for --parity",
    "card model.xml --training gone.json -o card.md": "gone.json: cannot be read (No such file or directory)",
    "demo -o used/last.pth/demo": "last.pth",
    "fetch ir-fp31": "ir-fp31: not a published file",
    "data check gone": "gone: no such file or folder",
    "data convert set.json -o images --to coco": "images: is not an empty folder",
    "data split set.json --val 2 -o out": "between 0 and 1, not 2",
}


def test_wrong_names_and_paths_are_refused_before_torch_is_imported(given: Path) -> None:
    lines = json.dumps([line.split() for line in WRONG])
    command = [sys.executable, HELPERS / "run_verbs.py", given / "results.json"]
    subprocess.run(command, input=lines, text=True, check=True, cwd=given, env=os.environ)
    results = dict(zip(WRONG, json.loads((given / "results.json").read_text()), strict=True))
    for line, result in results.items():
        assert (result["exit_code"], WRONG[line] in result["output"].splitlines()[-1]) == (2, True), (line, result)
    assert {line: each["heavy"] for line, each in results.items() if each["heavy"]} == {}
    assert not (given / "out").exists()
