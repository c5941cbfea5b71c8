"""The networks that a file may ask for by itself: known types, known keys, and values that build a network in seconds.

A file may come from anybody. Some types of mmengine and mmdet read files, some keys (`_scope_`) import modules, and a
large number builds a network that no memory holds.
"""

from collections.abc import Callable, Iterator
from typing import Any

Rule = Callable[[Any], bool]


def _whole(low: int, high: int) -> Rule:
    return lambda value: type(value) is int and low <= value <= high


def _number(low: float, high: float) -> Rule:
    return lambda value: type(value) in (int, float) and low <= value <= high


def _one_of(*values: Any) -> Rule:
    return lambda value: any(type(value) is type(each) and value == each for each in values)


def _several(rule: Rule, fewest: int, most: int) -> Rule:
    return lambda value: isinstance(value, list) and fewest <= len(value) <= most and all(map(rule, value))


def _or_none(rule: Rule) -> Rule:
    return lambda value: value is None or rule(value)


_FLAG, _NONE = _one_of(True, False), _one_of(None)
_CHANNELS, _STRIDE, _INDEX = _whole(1, 4096), _whole(1, 4), _whole(0, 7)
_FACTOR, _SHARE = _number(0, 1000), _number(0, 1)
_NORM: dict[str, Rule | tuple[str, ...]] = {"requires_grad": _FLAG, "eps": _number(0, 1), "momentum": _or_none(_SHARE)}
_IOU_LOSS: dict[str, Rule | tuple[str, ...]] = {
    "eps": _number(0, 1),
    "reduction": _one_of("mean", "sum", "none"),
    "loss_weight": _FACTOR,
}
_ASSIGNER: dict[str, Rule | tuple[str, ...]] = {"topk": _whole(1, 1000), "ignore_iof_thr": _or_none(_number(-1, 1))}
_NORMS = ("BN", "SyncBN", "GN")

# Type -> key -> the rule for its value, or the types that it may have.
TYPES: dict[str, dict[str, Rule | tuple[str, ...]]] = {
    "ATSS": {
        "data_preprocessor": ("DetDataPreprocessor",),
        "backbone": ("ResNet", "MobileNetV2"),
        "neck": ("RSSHFPN",),
        "bbox_head": ("FaceATSSHead",),
        "train_cfg": ("training",),
        "test_cfg": ("selection",),
    },
    "DetDataPreprocessor": {
        "mean": _several(_number(-1000, 1000), 3, 3),
        "std": _several(_number(1e-3, 1000), 3, 3),
        "bgr_to_rgb": _FLAG,
        "rgb_to_bgr": _FLAG,
        "pad_size_divisor": _whole(1, 64),
    },
    "ResNet": {
        "depth": _one_of(18, 34, 50, 101, 152),
        "in_channels": _one_of(3),
        "stem_channels": _or_none(_whole(1, 512)),
        "base_channels": _whole(1, 64),
        "num_stages": _whole(1, 4),
        "strides": _several(_STRIDE, 1, 4),
        "dilations": _several(_STRIDE, 1, 4),
        "out_indices": _several(_INDEX, 1, 4),
        "style": _one_of("pytorch", "caffe"),
        "deep_stem": _FLAG,
        "avg_down": _FLAG,
        "frozen_stages": _whole(-1, 4),
        "norm_cfg": _NORMS,
        "norm_eval": _FLAG,
        "with_cp": _FLAG,
        "zero_init_residual": _FLAG,
        **dict.fromkeys(("conv_cfg", "dcn", "plugins"), _NONE),
    },
    "MobileNetV2": {
        "widen_factor": _number(0.1, 4),
        "out_indices": _several(_INDEX, 1, 8),
        "frozen_stages": _whole(-1, 7),
        "norm_cfg": _NORMS,
        "norm_eval": _FLAG,
        "with_cp": _FLAG,
        "conv_cfg": _NONE,
    },
    "RSSHFPN": {
        "in_channels": _several(_CHANNELS, 1, 8),
        "out_channels": _whole(4, 512),
        "num_outs": _whole(1, 8),
    },
    "FaceATSSHead": {
        "num_classes": _one_of(1),
        "in_channels": _whole(1, 512),
        "feat_channels": _whole(1, 512),
        "pred_kernel_size": _one_of(1, 3, 5),
        "stacked_convs": _whole(1, 8),
        "norm_cfg": ("GN", "BN", "SyncBN"),
        "reg_decoded_bbox": _FLAG,
        "anchor_generator": ("AnchorGenerator",),
        "bbox_coder": ("DeltaXYWHBBoxCoder",),
        "loss_cls": ("FocalLoss", "CrossEntropyLoss"),
        "loss_bbox": ("IoULoss", "GIoULoss", "DIoULoss", "CIoULoss"),
        "loss_centerness": ("CrossEntropyLoss",),
        "conv_cfg": _NONE,
    },
    "AnchorGenerator": {
        "ratios": _several(_number(0.01, 100), 1, 1),
        "scales": _or_none(_several(_number(0.1, 1000), 1, 1)),
        "octave_base_scale": _or_none(_number(0.1, 1000)),
        "scales_per_octave": _or_none(_one_of(1)),
        "strides": _several(_whole(1, 256), 1, 8),
        "center_offset": _SHARE,
        "scale_major": _FLAG,
    },
    "DeltaXYWHBBoxCoder": {
        "target_means": _several(_number(-100, 100), 4, 4),
        "target_stds": _several(_number(1e-6, 100), 4, 4),
        "clip_border": _FLAG,
        "add_ctr_clamp": _FLAG,
        "ctr_clamp": _whole(0, 4096),
    },
    "FocalLoss": {
        "use_sigmoid": _one_of(True),
        "gamma": _FACTOR,
        "alpha": _SHARE,
        "reduction": _one_of("mean"),
        "loss_weight": _FACTOR,
    },
    "CrossEntropyLoss": {"use_sigmoid": _one_of(True), "reduction": _one_of("mean"), "loss_weight": _FACTOR},
    "IoULoss": {**_IOU_LOSS, "mode": _one_of("linear", "square", "log"), "linear": _FLAG},
    **dict.fromkeys(("GIoULoss", "DIoULoss", "CIoULoss"), _IOU_LOSS),
    "BN": {**_NORM},
    "SyncBN": {**_NORM},
    "GN": {**_NORM, "num_groups": _whole(1, 256)},
    "training": {
        "assigner": ("FaceATSSAssigner", "ATSSAssigner"),
        "allowed_border": _number(-1, 4096),
        "pos_weight": _number(-1, 1000),
        "debug": _FLAG,
    },
    "FaceATSSAssigner": {**_ASSIGNER},
    "ATSSAssigner": {**_ASSIGNER},
    "selection": {
        "score_thr": _SHARE,
        "nms": ("nms",),
        "max_per_img": _whole(1, 10_000),
        "nms_pre": _whole(-1, 1_000_000),
        "min_bbox_size": _number(-1, 4096),
    },
    "nms": {"iou_threshold": _SHARE},
}
_WITHOUT_TYPE = {"training", "selection"}  # names of ours, for parts that have no `type`


def first_problem(model: dict[str, Any]) -> str:
    """Why a network is none that a file may ask for, as the end of `its network ...`; empty if it is one.

    model: in plain values, as `StoredNetwork` holds it.
    """
    return next(_problems(model, ("ATSS",), "model"), "")


def _problems(node: Any, types: tuple[str, ...], key: str) -> Iterator[str]:
    if not isinstance(node, dict):
        yield f"has {key} = {_short(node)}"
        return
    kind = types[0] if types[0] in _WITHOUT_TYPE else node.get("type")
    if kind not in types:
        yield f"has the type {_short(kind)}"
        return
    for name, value in node.items():
        rule = TYPES[kind].get(name) if name != "type" or kind in _WITHOUT_TYPE else lambda value: True
        if rule is None:
            yield f"has the key {_short(f'{key}.{name}')}"
        elif isinstance(rule, tuple):
            yield from _problems(value, rule, f"{key}.{name}")
        elif not rule(value):
            yield f"has {key}.{name} = {_short(value)}"


def _short(value: Any) -> str:
    text = ascii(value)  # a name with escape codes could forge lines in a terminal
    return text if len(text) <= 60 else f"{text[:57]}..."
