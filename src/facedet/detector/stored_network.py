"""The network's part of a config as checkpoints and exports store it: JSON text, possibly from an untrusted source."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

# The types of our configs. They read no file and run no other code.
KNOWN_TYPES = {
    "ATSS", "DetDataPreprocessor", "ResNet", "MobileNetV2", "RSSHFPN", "FaceATSSHead", "ATSSAssigner",
    "FaceATSSAssigner", "AnchorGenerator", "DeltaXYWHBBoxCoder", "FocalLoss", "CrossEntropyLoss", "IoULoss",
    "GIoULoss", "DIoULoss", "CIoULoss", "nms", "BN", "SyncBN", "GN",
}  # fmt: skip
# What training sets itself: --freeze, and what belongs to the initial weights.
_SET_IN_TRAINING = {
    "model.backbone.frozen_stages", "model.backbone.norm_eval", "model.data_preprocessor.mean",
    "model.data_preprocessor.std",
}  # fmt: skip


@dataclass(frozen=True)
class StoredNetwork:
    """Description of a network. It is built only if its types are known, or if a config of the user describes the same.

    name: of its config. input_size: pixels. model: the config's `model` in plain values, without `init_cfg` and
    `pretrained`, which can contain a URL.
    """

    name: str
    input_size: int
    model: dict[str, Any]

    @classmethod
    def from_json(cls, text: str) -> "StoredNetwork":
        """What `to_json` wrote. Raises ValueError for other text."""
        content = json.loads(text)
        if not isinstance(content, dict) or not {"name", "input_size", "model"} <= content.keys():
            raise ValueError("not a detector's config")
        size, model = content["input_size"], plain(content["model"])
        if not isinstance(size, int) or not isinstance(model, dict) or not {"backbone", "bbox_head"} <= model.keys():
            raise ValueError("not a detector's config")
        return cls(str(content["name"]), size, model)

    def to_json(self) -> str:
        """All of it as text. Raises TypeError for a value that JSON does not have."""
        return json.dumps(asdict(self), sort_keys=True)

    @property
    def other_types(self) -> list[str]:
        """The types that are not known. mmengine imports types by their dotted path, and some of mmdet's read files."""
        return list(_other_types(self.model))

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


def _other_types(node: Any) -> Iterator[str]:
    if isinstance(node, dict) and "type" in node and str(node["type"]) not in KNOWN_TYPES:
        yield str(node["type"])
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _other_types(child)


def _differences(mine: Any, theirs: Any, key: str) -> Iterator[str]:
    if isinstance(mine, dict) and isinstance(theirs, dict):
        for name in sorted(mine.keys() | theirs.keys()):
            inner = f"{key}.{name}" if key else name
            yield from _differences(mine.get(name), theirs.get(name), inner)
    elif mine != theirs and not (key in _SET_IN_TRAINING and not any(_other_types(mine))):
        yield f"{key} is {json.dumps(mine)}, not {json.dumps(theirs)}"
