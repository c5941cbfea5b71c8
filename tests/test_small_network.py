"""`small` at 64 pixels: trained, stopped, resumed, in two processes, frozen, exported, quantized, imported."""

import math
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.distributed import in_processes, train

from facedet.common.errors import UserError
from facedet.configs import FOLDER
from facedet.data.image import find_images, read_image, to_tensor
from facedet.export.export import export_model
from facedet.export.graph_parts import convolutions
from facedet.export.int8 import quantize
from facedet.inference.info import describe
from facedet.inference.session import open_session
from facedet.parity.check import check_parity
from facedet.parity.tolerances import TOLERANCES, allowed_before_nms
from facedet.train import finetune
from facedet.train.configure import configure
from facedet.train.machine.stop import Stopped
from facedet.train.options import TrainingOptions
from facedet.train.setup import build_run
from facedet.weights.importing import import_weights
from facedet.weights.ir.graph import core, read_model
from facedet.weights.torch_file import read_torch_file


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("config") / "small.py"
    path.write_text(
        f"_base_ = {str(FOLDER / 'small.py')!r}\n"
        "input_size = 64\ninitial_weights = 'random'\ntrain_cfg = dict(min_steps=0)\n"
        "train_dataloader = dict(num_workers=0, batch_size=4)\nval_dataloader = dict(num_workers=0)\n"
    )
    return path


def options(config: Path, drawn: Path, work_dir: Path, **more: Any) -> dict[str, Any]:
    sets = {"train": drawn / "train.json", "val": drawn / "val.json"}
    return {"config": config, **sets, "work_dir": work_dir, "epochs": 2, "device": "cpu", **more}


@pytest.fixture(scope="module")
def run(config: Path, drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The work dir of a run that was not stopped."""
    folder = tmp_path_factory.mktemp("run")
    finetune(**options(config, drawn, folder / "run"))
    return folder / "run"


@pytest.fixture(scope="module")
def folded(run: Path) -> dict[str, Path]:
    return export_model(run / "best.pth", run / "folded", ["onnx", "fp32", "fp16"])


@pytest.fixture(scope="module")
def unfolded(run: Path) -> dict[str, Path]:
    return export_model(run / "best.pth", run / "unfolded", ["onnx", "fp32", "fp16"], fold=False)


def test_a_resumed_run_ends_with_the_same_weights(config: Path, run: Path, drawn: Path, tmp_path: Path) -> None:
    same = options(config, drawn, tmp_path / "run")
    with pytest.raises(Stopped):
        finetune(**same, on_epoch=lambda run: os.kill(os.getpid(), signal.SIGINT))
    finetune(**same, resume=True)
    expected, found = (read_torch_file(folder / "last.pth") for folder in (run, tmp_path / "run"))
    for part in ("state_dict", "trained"):
        assert all(torch.equal(tensor, found[part][name]) for name, tensor in expected[part].items())


@pytest.mark.full
@pytest.mark.parametrize("stages", [0, 3])
def test_frozen_stages_do_not_change_in_two_processes(stages: int, config: Path, drawn: Path, tmp_path: Path) -> None:
    first, second = in_processes(2, train, None, options(config, drawn, tmp_path / "run", freeze=stages, epochs=1))
    frozen = ("backbone.conv1.", *(f"backbone.layer{k}." for k in range(1, stages + 1)))
    for name, tensor in initial_weights(config, drawn, tmp_path).items():
        changed = not np.array_equal(first["trained"][name], tensor)
        assert changed != name.startswith(frozen), name
        assert np.array_equal(first["trained"][name], second["trained"][name]), name


def initial_weights(config: Path, drawn: Path, folder: Path) -> dict[str, np.ndarray]:
    """The weights with which a run of this config and seed starts."""
    given = TrainingOptions(**options(config, drawn, folder))
    network = build_run(configure(given, resume=False), given, "cpu", None).state.network
    return {name: tensor.numpy() for name, tensor in network.state_dict().items()}


def test_more_stages_than_it_has_are_refused(config: Path, drawn: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--freeze 8: MobileNetV2 has 7 stages"):
        finetune(**options(config, drawn, tmp_path / "run", freeze=8))


@pytest.mark.parametrize("kind", ["folded", pytest.param("unfolded", marks=pytest.mark.full)])
def test_exports_compute_what_the_checkpoint_computes(
    kind: str, run: Path, unseen_images: Path, request: pytest.FixtureRequest
) -> None:
    files = request.getfixturevalue(kind)
    for name in ("onnx", "fp32", "fp16"):
        allowed = allowed_before_nms(TOLERANCES["f16" if name == "fp16" else "f32"])
        (pair,) = check_parity([files[name]], unseen_images, reference=run / "best.pth").pairs
        assert [level.stride for level in pair.levels] == [4, 8, 16, 32, 64]
        assert all(level.max_px <= allowed.px and level.max_score <= allowed.score for level in pair.levels), name


def test_fp16_files_keep_depthwise_weights_in_float32(folded: dict[str, Path]) -> None:
    types = {}
    for node in convolutions(read_model(folded["fp16"])):
        weights = node.input_value(1).get_node()
        constant = weights if weights.get_type_name() == "Constant" else weights.input_value(0).get_node()
        large = math.prod(constant.get_output_shape(0)) > 4096
        types.setdefault((node.get_type_name(), large), set()).add(constant.get_element_type().get_type_name())
    assert types[("GroupConvolution", False)] == types[("Convolution", False)] == {"f32"}
    assert types[("Convolution", True)] == {"f16"}


def test_the_cost_of_all_forms_is_counted_alike(
    config: Path, run: Path, folded: dict[str, Path], unfolded: dict[str, Path]
) -> None:
    expected, fewer = describe(config).gflops, describe(folded["fp32"]).gflops
    assert describe(run / "best.pth").gflops == expected
    for name in ("onnx", "fp32", "fp16"):
        assert describe(unfolded[name]).gflops == pytest.approx(expected)
        assert describe(folded[name]).gflops == pytest.approx(fewer)
    assert fewer < 0.85 * expected


@pytest.mark.parametrize("name", ["onnx", "fp32", "fp16"])
def test_unfolded_exports_are_imported(
    name: str, run: Path, unfolded: dict[str, Path], unseen_images: Path, tmp_path: Path
) -> None:
    import_weights(unfolded[name], tmp_path / "back.pth")
    assert describe(tmp_path / "back.pth").parameters == describe(run / "best.pth").parameters
    (pair,) = check_parity([tmp_path / "back.pth"], unseen_images, reference=unfolded[name]).pairs
    allowed = allowed_before_nms(TOLERANCES["f16" if name == "fp16" else "f32"])
    assert all(level.max_px <= allowed.px and level.max_score <= allowed.score for level in pair.levels)


@pytest.mark.full
def test_a_calibrated_import_trains_with_batch_normalization(
    config: Path, unfolded: dict[str, Path], drawn: Path, tmp_path: Path
) -> None:
    origin = import_weights(unfolded["fp32"], tmp_path / "back.pth", calibrate_on=drawn / "images")
    assert (origin.frozen_norms, origin.calibrated_on) == (0, 32)
    summary = finetune(**options(config, drawn, tmp_path / "run", weights=tmp_path / "back.pth", epochs=1))
    assert summary.started_from == f"all weights of {tmp_path / 'back.pth'}"


@pytest.mark.full
def test_an_int8_file_has_no_convolution_in_float(folded: dict[str, Path], drawn: Path, tmp_path: Path) -> None:
    quantize(folded["fp32"], find_images(drawn / "images")[:4], tmp_path / "detector-int8.xml")
    facts = describe(tmp_path / "detector-int8.xml").origin
    assert facts["float_convolutions"] == f"0 of {len(convolutions(read_model(folded['fp32'])))}"


@pytest.mark.full
def test_a_variant_without_nms_gives_the_same_boxes(folded: dict[str, Path], run: Path, drawn: Path) -> None:
    variant = export_model(run / "best.pth", run / "raw", "fp32", nms=False)["fp32"]
    tensor = to_tensor(read_image(find_images(drawn / "images")[0]), (64, 64))
    boxes, scores = core().compile_model(variant, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(tensor).values()
    expected = open_session(folded["fp32"]).dense(tensor)
    np.testing.assert_allclose(boxes, expected[0], rtol=0, atol=2e-3)
    np.testing.assert_allclose(scores, expected[1], rtol=0, atol=5e-6)
