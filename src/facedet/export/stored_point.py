"""Store an operating point in a copy of a model."""

from dataclasses import asdict
from pathlib import Path

from facedet.common.errors import UserError
from facedet.common.files import write_beside
from facedet.weights.graph_facts import SECTION
from facedet.weights.operating_point import OPERATING_POINT, OperatingPoint
from facedet.weights.seal import seal


def check_copy(model: Path | None, target: Path) -> None:
    """Raise UserError if there is no model, or a copy of it cannot have the name `target`."""
    if model is None:
        raise UserError(f"--store-threshold {target}: is a copy of MODEL; give one instead of --predictions")
    if model.suffix != target.suffix:
        raise UserError(f"--store-threshold {target}: is a copy of {model}; give a name that ends in {model.suffix}")


def copy_with_point(model: Path, target: Path, point: OperatingPoint) -> Path:
    """Write a copy of a checkpoint, ONNX file or IR (two files) that differs only in its operating point.

    Of a last.pth, the copy has the weights, but not the state of the training. Returns `target`. Raises UserError.
    """
    check_copy(model, target)
    {".pth": _copy_checkpoint, ".onnx": _copy_onnx, ".xml": _copy_ir}[model.suffix](model, target, point)
    return target


def _copy_checkpoint(model: Path, target: Path, point: OperatingPoint) -> None:
    from facedet.weights.torch_file import read_torch_file, write_torch_file

    content = read_torch_file(model)
    meta = {**content["meta"], OPERATING_POINT: asdict(point)}
    write_torch_file({"state_dict": content["state_dict"], "meta": meta}, target)


def _copy_onnx(model: Path, target: Path, point: OperatingPoint) -> None:
    import onnx

    from facedet.weights.onnx_file import metadata, read_onnx

    content = read_onnx(model)
    onnx.helper.set_model_props(content, metadata(content) | {f"{SECTION}_{OPERATING_POINT}": point.to_json()})
    with write_beside(target) as temporary:
        onnx.save(content, temporary)
        seal(temporary)


def _copy_ir(model: Path, target: Path, point: OperatingPoint) -> None:
    from facedet.export.to_ir import MODEL_API_SECTION, SHOWN_ABOVE, write_sealed
    from facedet.weights.ir.graph import read_model

    graph = read_model(model)
    graph.set_rt_info(point.to_json(), [SECTION, OPERATING_POINT])
    if graph.has_rt_info([MODEL_API_SECTION, SHOWN_ABOVE]):
        graph.set_rt_info(str(point.threshold), [MODEL_API_SECTION, SHOWN_ABOVE])
    write_sealed(graph, target)
