"""What bf16 does to the detections of a model: with the mark that `export` sets on the last convolutions, and without.

    python bench/bf16.py CHECKPOINT IMAGES [--images 21]

CHECKPOINT: a trained one. Compares an IR in bf16 with itself in float32: before NMS at anchors whose score is above the
threshold in float32, and after NMS. Needs a CPU that computes in bf16. Writes bench/results/bf16.txt.
"""

import tempfile
from importlib.metadata import version
from pathlib import Path

import click
import numpy as np
import openvino as ov

from facedet.common.machine import describe_machine
from facedet.data.image import find_images, read_image, to_tensor
from facedet.export.export import export_model
from facedet.inference.session import open_session, to_detections
from facedet.parity.matching import match
from facedet.text.columns import columns
from facedet.weights.ir.graph import core
from facedet.weights.operating_point import DEFAULT_THRESHOLD

_MOVED_PX = 0.5


@click.command()
@click.argument("checkpoint", type=click.Path(exists=True, path_type=Path))
@click.argument("images", type=click.Path(exists=True, path_type=Path))
@click.option("--images", "count", default=21, show_default=True)
def main(checkpoint: Path, images: Path, count: int) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        ir = export_model(checkpoint, scratch, "fp32")["fp32"]
        models, session = {"as converted": _without_marks(ir), "as exported": core().read_model(ir)}, open_session(ir)
        tensors = [to_tensor(read_image(path), session.size) for path in find_images(images)[:count]]
        threshold = (session.nms_rule or {})["score_threshold"]
        exact = _run(models["as exported"], "f32", tensors)
        found = {name: _differences(exact, _run(model, "bf16", tensors), threshold) for name, model in models.items()}
    rows = [("difference of bf16 from float32", *found)]
    rows += [(label, *(each[label] for each in found.values())) for label in found["as exported"]]
    head = f"python bench/bf16.py ({describe_machine()}, OpenVINO {version('openvino')}), {len(tensors)} images"
    text = "\n".join([head, "", columns(rows, numbers=True)]) + "\n"
    (Path(__file__).parent / "results" / "bf16.txt").write_text(text)
    click.echo(text, nl=False)


def _without_marks(ir: Path) -> ov.Model:
    lines = ir.read_text().splitlines()
    others = [line for line in lines if "DisablePrecisionConversion" not in line]
    assert len(others) < len(lines)
    unmarked = ir.with_name("unmarked.xml")
    unmarked.write_text("\n".join(others))
    return core().read_model(unmarked, ir.with_suffix(".bin"))


def _run(model: ov.Model, precision: str, tensors: list[np.ndarray]) -> list[list[np.ndarray]]:
    """Boxes [n, 4] and scores [n] before NMS, and rows [k, 5] after it, of each image."""
    (nms,) = (node for node in model.get_ops() if node.get_type_name() == "NonMaxSuppression")
    outputs = [nms.input_value(0), nms.input_value(1), model.output("boxes").get_node().input_value(0)]
    whole = ov.Model(outputs, model.get_parameters())
    network = core().compile_model(whole, "CPU", {"INFERENCE_PRECISION_HINT": precision})
    return [[np.array(value) for value in network(tensor).values()] for tensor in tensors]


def _differences(exact: list[list[np.ndarray]], found: list[list[np.ndarray]], threshold: float) -> dict[str, str]:
    px, scores, moved, unmatched, shown = [], [], [], 0, [0.0]
    for (boxes, confidences, rows), (boxes2, confidences2, rows2) in zip(exact, found, strict=True):
        above = confidences.ravel() > threshold
        px.append(np.abs(boxes - boxes2).reshape(-1, 4)[above].max(axis=1))
        scores.append(np.abs(confidences - confidences2).ravel()[above])
        first, second = (to_detections(np.column_stack([each, np.zeros(len(each))])) for each in (rows, rows2))
        pairs = match(first, second).pairs
        distance = np.abs(first.boxes[pairs[:, 0]] - second.boxes[pairs[:, 1]]).max(axis=1)
        moved += distance.tolist()
        unmatched += len(first.scores) + len(second.scores) - 2 * len(pairs)
        shown += distance[first.scores[pairs[:, 0]] > DEFAULT_THRESHOLD].tolist()
    return {
        "box of an anchor, largest": f"{max(each.max() for each in px):.2f} px",
        "box of an anchor, mean": f"{np.concatenate(px).mean():.3f} px",
        "score of an anchor, mean": f"{np.concatenate(scores).mean():.1e}",
        "box after NMS, largest": f"{max(moved):.2f} px",
        f"boxes after NMS that moved by more than {_MOVED_PX:g} px": str(sum(each > _MOVED_PX for each in moved)),
        "boxes after NMS without a match": str(unmatched),
        f"box with a score above {DEFAULT_THRESHOLD:g}, largest": f"{max(shown):.2f} px",
    }


if __name__ == "__main__":
    main()
