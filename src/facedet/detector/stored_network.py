"""The network's part of a config as checkpoints and exports store it: JSON text, possibly from an untrusted source."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from facedet.common.errors import one_line
from facedet.detector.network_schema import first_problem

SMALLEST, LARGEST = 64, 4096  # pixels of the input
# What training sets itself: --freeze, and what belongs to the initial weights.
_SET_IN_TRAINING = {
    "model.backbone.frozen_stages", "model.backbone.norm_eval", "model.data_preprocessor.mean",
    "model.data_preprocessor.std",
}  # fmt: skip


@dataclass(frozen=True)
class StoredNetwork:
    """Description of a network. Built only if a file may ask for it, or if a config of the user describes the same.

    name: of its config. input_size: pixels. model: the config's `model` in plain values, without `init_cfg` and
    `pretrained`, which can contain a URL.
    """

    name: str
    input_size: int
    model: dict[str, Any]

    @classmethod
    def from_json(cls, text: str) -> "StoredNetwork":
        """What `to_json` wrote. Raises ValueError for other text."""
        try:
            content = json.loads(text)
            size, model = content["input_size"], plain(content["model"])
        except (TypeError, KeyError, RecursionError) as error:
            raise ValueError("not a detector's config") from error
        if type(size) is not int or not SMALLEST <= size <= LARGEST:
            raise ValueError("its input_size is not a number of pixels from 64 to 4096")
        if not isinstance(model, dict) or not {"backbone", "bbox_head"} <= model.keys():
            raise ValueError("not a detector's config")
        network = cls(one_line(str(content.get("name")))[:100], size, model)
        _ = network.strides, network.selection
        return network

    def to_json(self) -> str:
        """All of it as text. Raises TypeError for a value that JSON does not have."""
        return json.dumps(asdict(self), sort_keys=True)

    @property
    def strides(self) -> list[int]:
        """Of the levels in pixels, finest first. Raises ValueError."""
        strides = _at(self.model, "bbox_head", "anchor_generator", "strides")
        if not isinstance(strides, list) or not all(type(each) is int and 0 < each <= LARGEST for each in strides):
            raise ValueError("not a detector's config: its strides are no list of pixels")
        return strides

    @property
    def selection(self) -> tuple[float, float, int]:
        """How boxes are selected: score threshold, IoU threshold of NMS, most boxes of an image. Raises ValueError."""
        rule = ("score_thr",), ("nms", "iou_threshold"), ("max_per_img",)
        score, overlap, boxes = (_at(self.model, "test_cfg", *keys) for keys in rule)
        if not all(type(each) in (int, float) and 0 <= each <= 1 for each in (score, overlap)):
            raise ValueError("not a detector's config: a threshold in its test_cfg is not from 0 to 1")
        if type(boxes) is not int or boxes < 1:
            raise ValueError("not a detector's config: its max_per_img is not a number of boxes")
        return score, overlap, boxes

    @property
    def problem(self) -> str:
        """Why a file may not ask for this network by itself, as the end of `its network ...`; empty if it may."""
        return first_problem(self.model)

    def difference(self, other: "StoredNetwork") -> str:
        """The first difference, as `KEY is VALUE, not VALUE OF THE OTHER`; empty if there is none.

        What training sets itself may differ.
        """
        mine, theirs = ({"input_size": each.input_size, "model": each.model} for each in (self, other))
        return next(_differences(mine, theirs, ""), "")


def plain(node: Any) -> Any:
    """A model's description in lists and dicts, without anything that could download something."""
    if isinstance(node, list | tuple):
        return [plain(child) for child in node]
    if not isinstance(node, dict):
        return node
    return {key: plain(child) for key, child in node.items() if key not in ("init_cfg", "pretrained")}


def _at(node: Any, *keys: str) -> Any:
    """The value that keys lead to; None if there is none."""
    for key in keys:
        node = node.get(key) if isinstance(node, dict) else None
    return node


def _differences(mine: Any, theirs: Any, key: str) -> Iterator[str]:
    if isinstance(mine, dict) and isinstance(theirs, dict):
        for name in sorted(mine.keys() | theirs.keys()):
            inner = f"{key}.{name}" if key else name
            yield from _differences(mine.get(name), theirs.get(name), inner)
    elif mine != theirs and not (key in _SET_IN_TRAINING and _is_plain(mine)):
        yield f"{key} is {json.dumps(mine)}, not {json.dumps(theirs)}"


def _is_plain(value: Any) -> bool:
    return isinstance(value, int | float) or (isinstance(value, list) and all(map(_is_plain, value)))
