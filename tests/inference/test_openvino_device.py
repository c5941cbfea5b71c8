"""Devices of OpenVINO: which are refused, and what a compiled model says that it computes on."""

from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops

from facedet.common.errors import UserError
from facedet.inference import openvino_device
from facedet.inference.openvino_device import check_device, check_precision, default_precision, hints, runtime_of
from facedet.inference.runtime import Runtime
from facedet.weights.ir.graph import core

ON_CPU = ("AUTO:CPU", "BATCH:CPU", "BATCH:CPU(2)", "HETERO:CPU", "MULTI:CPU")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with two GPUs and an NPU."""
    there = SimpleNamespace(available_devices=["CPU", "GPU.0", "GPU.1", "NPU"])
    monkeypatch.setattr(openvino_device, "core", lambda: there)


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize(
    "device", ["CPU", "cpu", "GPU", "gpu.1", "NPU", "AUTO", "AUTO:-CPU", "AUTO:GPU,CPU", "HETERO:NPU,CPU", *ON_CPU]
)
def test_devices_that_exist_are_accepted(device: str) -> None:
    check_device(device)


@pytest.mark.parametrize(("capabilities", "refused"), [(["FP32", "INT8"], True), (["FP32", "BF16"], False)])
def test_bf16_is_refused_on_a_cpu_without_it(
    capabilities: list[str], refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = SimpleNamespace(get_property=lambda device, name: capabilities)
    monkeypatch.setattr(openvino_device, "core", lambda: there)
    check_precision("f32", "CPU")
    check_precision("default", "CPU")
    check_precision("bf16", "GPU")  # of which OpenVINO knows more
    with pytest.raises(UserError, match="this CPU does not compute in bf16") if refused else nullcontext():
        check_precision("bf16", "cpu")


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize(
    "device", ["", "CUDA", "GPU.2", "CPU:CPU", "HETERO", "MULTI:", "AUTO:TPU", "AUTO:CPU,TPU", "BATCH:GPU.7(4)"]
)
def test_devices_that_do_not_exist_are_refused_with_those_that_do(device: str) -> None:
    with pytest.raises(UserError) as refused:
        check_device(device)
    line = str(refused.value)
    assert line.startswith(f"--device {device}: OpenVINO does not find it; give CPU, GPU.0, GPU.1, NPU, AUTO or ")
    assert "\n" not in line


@pytest.mark.parametrize("precision", ["f32", "default"])
@pytest.mark.parametrize("device", ON_CPU)
def test_a_model_states_the_device_that_computes_it(device: str, precision: str) -> None:
    image = ops.parameter([1, 3, 8, 8], np.float32)
    model = ov.Model([ops.relu(image)], [image], "small")
    direct, by_other = (runtime_of(core().compile_model(model, d, hints(precision, d))) for d in ("CPU", device))
    assert direct.device == "CPU"
    assert direct.name == core().get_property("CPU", "FULL_DEVICE_NAME")
    assert direct.precision == "f32" or precision == "default"
    assert direct.library == f"OpenVINO {ov.__version__.split('-')[0]}"
    assert by_other == direct


def test_devices_of_different_precision_are_all_stated(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {
        "EXECUTION_DEVICES": ["GPU.0", "CPU"],
        "SUPPORTED_PROPERTIES": ["DEVICE_PROPERTIES"],
        "DEVICE_PROPERTIES": {
            "GPU.0": {"INFERENCE_PRECISION_HINT": ov.Type.f16},
            "CPU": {"INFERENCE_PRECISION_HINT": ov.Type.f32},
        },
    }
    names = {("GPU.0", "FULL_DEVICE_NAME"): "a GPU", ("CPU", "FULL_DEVICE_NAME"): "a CPU"}
    monkeypatch.setattr(openvino_device, "core", lambda: SimpleNamespace(get_property=lambda *key: names[key]))
    found = runtime_of(SimpleNamespace(get_property=values.__getitem__))  # type: ignore[arg-type]
    library = f"OpenVINO {ov.__version__.split('-')[0]}"
    assert found == Runtime("GPU.0, CPU", "a GPU, a CPU", "f16, f32", library)


def test_only_the_cpu_computes_in_float32_without_a_choice() -> None:
    assert [default_precision(device) for device in (None, "cpu", "GPU", "AUTO:CPU")] == [
        "f32",
        "f32",
        *["default"] * 2,
    ]
