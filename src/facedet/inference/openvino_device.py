"""Devices of OpenVINO: which there are, how a model is compiled for one, and what it then computes on."""

from importlib.metadata import version
from typing import Any

import openvino as ov

from facedet.common.errors import UserError
from facedet.inference.runtime import Runtime
from facedet.weights.ir.graph import core

_OF_OTHERS = ("AUTO", "BATCH", "HETERO", "MULTI")  # devices that pass the work on to those after the colon


def check_device(device: str) -> None:
    """Raise UserError if OpenVINO has no such device here, or not all of those after the colon."""
    kind, _, listed = device.upper().partition(":")
    if (kind, listed) == ("AUTO", ""):
        return
    names = listed.split(",") if kind in _OF_OTHERS else [device.upper()]
    there = core().available_devices
    known = {*there, *(name.partition(".")[0] for name in there)}  # GPU is the first of GPU.0 and GPU.1
    if not known.issuperset(name.lstrip("-").partition("(")[0] for name in names):  # AUTO:-CPU, BATCH:CPU(4)
        combined = ", ".join(f"{each}:DEVICE,..." for each in _OF_OTHERS)
        raise UserError(f"--device {device}: OpenVINO does not find it; give {', '.join(there)}, AUTO or {combined}")


def check_precision(precision: str, device: str) -> None:
    """Raise UserError for `bf16` on a CPU without it: OpenVINO would compute, but many times slower than in float32."""
    if precision == "bf16" and device.upper() == "CPU" and not computes_in_bf16():
        raise UserError(f"--precision {precision}: this CPU does not compute in bf16; give f32 or default")


def computes_in_bf16() -> bool:
    """Whether the CPU does."""
    return "BF16" in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def default_precision(device: str | None) -> str:
    """Without a choice of precision: float32 on the CPU; elsewhere what OpenVINO chooses, as a product gets it."""
    return "f32" if device is None or device.upper() == "CPU" else "default"


def hints(precision: str, device: str) -> dict[str, Any]:
    """Properties to compile with. precision: as for `open_session`."""
    chosen: dict[str, Any] = {} if precision == "default" else {"INFERENCE_PRECISION_HINT": precision}
    if device.startswith("AUTO"):
        chosen["ENABLE_STARTUP_FALLBACK"] = False  # the CPU would compute the first images
    return chosen


def runtime_of(compiled: ov.CompiledModel) -> Runtime:
    """What a compiled model computes on; of several devices, all."""
    devices = list(compiled.get_property("EXECUTION_DEVICES"))
    names = [core().get_property(device, "FULL_DEVICE_NAME") for device in devices]
    precisions = sorted(set(_precisions(compiled)))
    return Runtime(", ".join(devices), ", ".join(names), ", ".join(precisions), f"OpenVINO {version('openvino')}")


def _precisions(compiled: ov.CompiledModel) -> list[str]:
    """Of each device; AUTO, HETERO and MULTI have none of their own."""
    supported = compiled.get_property("SUPPORTED_PROPERTIES")
    if "DEVICE_PROPERTIES" in supported:
        each = compiled.get_property("DEVICE_PROPERTIES").values()
        return [properties["INFERENCE_PRECISION_HINT"].get_type_name() for properties in each]
    return [compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()]
