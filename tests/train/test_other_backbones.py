"""The backbones of docs/configs.md, one of torchvision's and one of the user's: trained, stopped, resumed, exported."""

import os
import re
import signal
from pathlib import Path

import pytest
import torchvision
from click.testing import CliRunner
from helpers.download_server import DownloadServer
from helpers.markdown import ROOT
from helpers.torchvision_files import put

from facedet.cli import main
from facedet.common.errors import UserError
from facedet.data.dataset import dataset_source
from facedet.export.export import export_model
from facedet.inference.info import describe
from facedet.parity.check import check_parity
from facedet.parity.tolerances import TOLERANCES, allowed_before_nms
from facedet.train import finetune
from facedet.train.machine.stop import Stopped
from facedet.weights.importing import import_weights
from facedet.weights.torch_file import read_torch_file

SMALL = "input_size = 64\ntrain_cfg = dict(min_steps=0)\ntrain_dataloader = dict(num_workers=0)\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that the page writes, at 64 pixels."""
    folder = tmp_path_factory.mktemp("backbones")
    page = (ROOT / "docs" / "configs.md").read_text(encoding="utf-8")
    for name, text in re.findall(r"^cat > (\w+\.py) <<'END'\n(.*?)^END$", page, flags=re.MULTILINE | re.DOTALL):
        small = "" if name == "plain_backbone.py" else SMALL
        (folder / name).write_text(text.replace('"configs/', f'"{ROOT}/configs/') + small)
    return folder


def train_other(folder: Path, name: str, drawn: Path) -> Path:
    """The best checkpoint of a run that was stopped and resumed."""
    sets, run = (drawn / "train.json", drawn / "val.json"), dict(work_dir=folder / name, epochs=2, device="cpu")
    with pytest.raises(Stopped):
        finetune(folder / f"{name}.py", *sets, **run, on_epoch=lambda run: os.kill(os.getpid(), signal.SIGINT))
    return Path(finetune(folder / f"{name}.py", *sets, **run, resume=True).best_checkpoint)


@pytest.fixture(scope="module")
def plain(folder: Path, drawn: Path) -> tuple[Path, Path]:
    """The config with a module of the user's, and its checkpoint."""
    return folder / "plain.py", train_other(folder, "plain", drawn)


@pytest.fixture(scope="module")
def files(plain: tuple[Path, Path]) -> dict[str, Path]:
    config, checkpoint = plain
    return export_model(checkpoint, checkpoint.parent / "model", ["onnx", "fp32"], config=config)


def test_exports_compute_the_same(plain: tuple[Path, Path], files: dict[str, Path], unseen_images: Path) -> None:
    config, checkpoint = plain
    assert_equal_before_nms([checkpoint, files["onnx"]], files["fp32"], unseen_images, config)


def test_a_network_of_torchvision_is_trained_from_its_weights(
    folder: Path, drawn: Path, torchvision_server: DownloadServer, tmp_path: Path
) -> None:
    state = torchvision.models.resnet50(weights=None).state_dict()
    put(torchvision_server.folder, "resnet50", state)
    some = tmp_path / "some.txt"
    some.write_text("\n".join(f"train-{k:03}.png" for k in range(16)))
    train = dataset_source(drawn / "train.json", names=some)
    summary = finetune(
        folder / "resnet50.py", train, drawn / "val.json", work_dir=tmp_path / "run", epochs=1, device="cpu"
    )
    last = read_torch_file(tmp_path / "run" / "last.pth")
    assert last["meta"]["iter"] == 2
    assert summary.started_from == "torchvision:resnet50 in the backbone, the rest random"
    name = "layer3.0.conv2.weight"
    assert 0 < (last["trained"][f"backbone.{name}"] - state[name]).abs().max() < 0.01


def assert_equal_before_nms(models: list[Path], reference: Path, images: Path, config: Path) -> None:
    allowed = allowed_before_nms(TOLERANCES["f32"])
    for pair in check_parity(models, images, reference=reference, config=config).pairs:
        assert [level.stride for level in pair.levels] == [4, 8, 16, 32, 64]
        assert all(level.max_px <= allowed.px and level.max_score <= allowed.score for level in pair.levels)


@pytest.mark.parametrize(
    "verb",
    [
        *("export", "parity", "evaluate", "compare", "detect", "info"),
        *(pytest.param(verb, marks=pytest.mark.full) for verb in ("quantize", "benchmark")),
    ],
)
def test_every_verb_opens_its_checkpoint_with_the_config_only(
    verb: str, plain: tuple[Path, Path], drawn: Path, unseen_images: Path, tmp_path: Path
) -> None:
    config, checkpoint = plain
    arguments = {
        "export": ["-o", tmp_path / "out", "--formats", "onnx"],
        "quantize": ["-o", tmp_path / "out", "--calibrate", unseen_images],
        "parity": [checkpoint, "--images", unseen_images],
        "evaluate": [drawn / "val.json", "--metrics", "coco"],
        "compare": [checkpoint, drawn / "val.json"],
        "benchmark": ["--rounds", "1"],
        "detect": [unseen_images, "-o", tmp_path / "out"],
        "info": [],
    }
    command = [verb, *map(str, (checkpoint, *arguments[verb]))]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 2
    assert f"{checkpoint}: its network has the type 'PlainBackbone', which a file may not" in done.output
    assert done.output.rstrip().endswith("give the config that it was trained with: --config FILE")
    other = CliRunner().invoke(main, [*command, "--config", str(config.with_name("mine.py"))])
    assert other.exit_code == 2
    assert "mine.py: model.backbone.channels is [32, 64, 128, 256], not null there" in other.output
    assert not (tmp_path / "out").exists()
    done = CliRunner().invoke(main, [*command, "--config", str(config)])
    assert done.exit_code in ((0, 1) if verb == "parity" else (0,)), done.output  # it detects nothing to compare yet


@pytest.mark.parametrize("verb", ["detect", "evaluate", "parity", "info"])
def test_its_exports_are_used_without_the_config(
    verb: str, files: dict[str, Path], drawn: Path, unseen_images: Path, tmp_path: Path
) -> None:
    ir = files["fp32"]
    arguments = {
        "detect": [ir, unseen_images, "-o", tmp_path / "out"],
        "evaluate": [ir, drawn / "val.json"],
        "parity": [ir, files["onnx"], "--images", unseen_images],
        "info": [ir],
    }
    done = CliRunner().invoke(main, [verb, *map(str, arguments[verb])])
    assert done.exit_code in ((0, 1) if verb == "parity" else (0,)), done.output
    assert "its network has the type" not in done.output


def test_its_weights_start_another_run_of_the_same_network_only(
    plain: tuple[Path, Path], drawn: Path, tmp_path: Path
) -> None:
    config, checkpoint = plain
    sets = drawn / "train.json", drawn / "val.json"
    run = dict(weights=checkpoint, work_dir=tmp_path / "run", epochs=1, device="cpu")
    with pytest.raises(UserError, match=r"best\.pth: its network differs from .*mine\.py: model\.backbone\."):
        finetune(config.with_name("mine.py"), *sets, **run)
    assert finetune(config, *sets, **run).started_from == f"all weights of {checkpoint}"


@pytest.mark.full
def test_import_recovers_it_with_its_config(plain: tuple[Path, Path], drawn: Path, tmp_path: Path) -> None:
    config, checkpoint = plain
    file, back = export_model(checkpoint, tmp_path, "fp32", fold=False, config=config)["fp32"], tmp_path / "back.pth"
    with pytest.raises(UserError, match="its network has the type 'PlainBackbone'"):
        import_weights(file, back)
    with pytest.raises(UserError, match="PlainBackbone has no norm_eval; measure them: --calibrate"):
        import_weights(file, back, config=config)
    import_weights(file, back, config=config, calibrate_on=drawn / "images")
    assert describe(back, config).parameters == describe(config).parameters
