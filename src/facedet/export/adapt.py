"""Give a graph the interface of a variant, in OpenVINO."""

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from facedet.export.interface import BOXES, DETECTIONS, INPUT, INPUT_ALIAS, LABELS
from facedet.export.variants import DETECTION_OUTPUT, MODEL_API, Variant

_ROWS, _COLUMNS = 1, 2  # axes of a picture
_UNIT = 2048  # OpenCV's bilinear resize computes with multiples of 1/2048


def adapt(model: ov.Model, variant: Variant) -> ov.Model:
    """Give a graph the input and the outputs of a variant; its NMS and its batch are those of the graph already."""
    if variant.layout == DETECTION_OUTPUT:
        model = _one_output(model)
    return _take_pictures(model, variant) if variant.takes_pictures else model


def _one_output(model: ov.Model) -> ov.Model:
    """Join boxes [n, 5] and labels [n] to SSD's output, see `DETECTIONS` in interface.py."""
    boxes, labels = (model.output(name).get_node().input_value(0) for name in (BOXES, LABELS))
    corners, score = (ops.gather(boxes, ops.constant(columns), ops.constant(1)) for columns in ([0, 1, 2, 3], [4]))
    image = ops.select(ops.greater(score, _f32(0)), _f32(0), _f32(-1))
    label = ops.unsqueeze(ops.convert(labels, "f32"), ops.constant(1))
    shape = ops.shape_of(model.input(0).get_node())
    sides = ops.convert(ops.gather(shape, ops.constant([3, 2, 3, 2]), ops.constant(0)), "f32")
    rows = ops.concat([image, label, score, corners / sides], 1)
    result = ops.unsqueeze(rows, ops.constant([0, 1]))
    result.output(0).get_tensor().set_names({DETECTIONS})
    return ov.Model([ops.result(result)], model.get_parameters(), model.get_friendly_name())


def _take_pictures(model: ov.Model, variant: Variant) -> ov.Model:
    size = model.input(0).shape[2]
    picture = ops.parameter([variant.batch, -1, -1, 3], ov.Type.u8, INPUT)
    picture.output(0).get_tensor().set_names({INPUT, INPUT_ALIAS})
    shape = ops.shape_of(picture)
    tensor = ops.transpose(_resize(picture, shape, size), ops.constant([0, 3, 1, 2]))
    model.input(0).get_node().output(0).replace(tensor.output(0))
    results = []
    for output in model.outputs:
        port, names = output.get_node().input_value(0), output.get_names()
        if variant.layout == MODEL_API:  # which multiplies the boxes itself
            port = ops.unsqueeze(port, ops.constant(0)).output(0)
        elif BOXES in names:
            port = ops.multiply(port, _to_picture(shape, size, output.shape[-1])).output(0)
        port.get_tensor().set_names(names)
        results.append(ops.result(port))
    return ov.Model(results, [picture], model.get_friendly_name())


def _resize(picture: ov.Node, shape: ov.Node, size: int) -> ov.Node:
    """Pictures uint8 [n, h, w, 3] -> float32 [n, size, size, 3], bilinear, rounded like OpenCV's resize."""
    top, bottom, down = _neighbours(_length(shape, _ROWS), size)
    left, right, across = _neighbours(_length(shape, _COLUMNS), size)
    down, across = ops.reshape(down, [-1, 1, 1], False), ops.reshape(across, [-1, 1], False)
    parts = []  # of the line above and of the one below; OpenCV drops the fraction after each of these steps
    for line, share in ((top, _f32(_UNIT) - down), (bottom, down)):
        row = ops.gather(picture, line, ops.constant(_ROWS))
        first, second = (ops.convert(ops.gather(row, place, ops.constant(_COLUMNS)), "f32") for place in (left, right))
        mixed = first * (_f32(_UNIT) - across) + second * across
        parts.append(ops.floor(share * ops.floor(mixed * _f32(1 / 16)) * _f32(1 / 65536)))
    return ops.floor((parts[0] + parts[1] + _f32(2)) * _f32(1 / 4))


def _neighbours(length: ov.Node, size: int) -> tuple[ov.Node, ov.Node, ov.Node]:
    """For each of `size` places: the two neighbouring pixels in a line of `length`, int64, and the distance from the
    first, float32 in units of 1/2048 of a pixel."""
    # in integers, which no device rounds
    doubled = ops.constant(2 * np.arange(size) + 1) * length - size  # 2 * size times the place
    doubled = ops.minimum(ops.maximum(doubled, ops.constant(0)), (length - 1) * (2 * size))
    first = doubled / (2 * size)
    share = ((doubled - first * (2 * size)) * _UNIT + size) / (2 * size)
    return first, ops.minimum(first + 1, length - 1), ops.convert(share, "f32")


def _to_picture(shape: ov.Node, size: int, columns: int) -> ov.Node:
    """The factors [columns] of x1 y1 x2 y2 (score) from pixels of the input to those of the picture."""
    width, height = (ops.unsqueeze(_length(shape, axis), ops.constant(0)) for axis in (_COLUMNS, _ROWS))
    sides = [width, height, width, height, ops.constant([size])][:columns]
    return ops.convert(ops.concat(sides, 0), "f32") / _f32(size)


def _length(shape: ov.Node, axis: int) -> ov.Node:
    return ops.gather(shape, ops.constant(axis), ops.constant(0))


def _f32(value: float) -> ov.Node:
    return ops.constant(np.float32(value))
