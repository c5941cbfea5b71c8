"""The figures of reports as rows of tables. A report is data of anybody: what is missing or odd is left out."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Row = tuple[str, ...]
NOT_STATED = "not stated by the file"
_WORST = 8  # slices that a card lists


def metric_rows(evaluation: Mapping[str, Any]) -> Sequence[Row]:
    """Name, value and interval of each metric."""
    intervals = _dict(_at(evaluation, "intervals", "of"))
    values = {"ap64": evaluation.get("ap64")}
    for name in ("coco", "wider"):
        values |= {f"{name} {key}": value for key, value in _dict(evaluation.get(name)).items()}
    stated = {name: value for name, value in values.items() if _is_number(value)}
    return [(name, percent(value), _interval(intervals.get(name))) for name, value in stated.items()]


def height_rows(evaluation: Mapping[str, Any]) -> Sequence[Row]:
    """Face heights in pixels, number of faces and AP50."""
    rows = []
    for each in _dicts(evaluation.get("ap50_by_height")):
        lowest, below = each.get("from"), each.get("below")
        if _is_number(lowest) and (below is None or _is_number(below)):
            name = f"{lowest:g} and more" if below is None else f"{lowest:g} to {below:g}"
            rows.append((name, count(each.get("faces")), percent(each.get("ap50"))))
    return rows


def slice_rows(evaluation: Mapping[str, Any]) -> Sequence[Row]:
    """The slices with the lowest recall: division and group, faces, recall, its interval, AP50."""
    judged = [each for each in _dicts(_at(evaluation, "slices", "slices")) if _is_number(each.get("recall"))]
    judged.sort(key=lambda each: each["recall"])
    return [
        (
            f"{each.get('by')}: {each.get('name')}",
            count(each.get("faces")),
            percent(each["recall"]),
            _pair(each.get("interval")),
            percent(each.get("ap50")),
        )
        for each in judged[:_WORST]
    ]


def threshold_rows(evaluation: Mapping[str, Any]) -> Sequence[Row]:
    """Threshold, precision, recall and false alarms an image, each with its interval, and why it is listed."""
    rows = []
    for each in _dicts(_at(evaluation, "thresholds", "rows")):
        if _is_number(each.get("threshold")):
            intervals, why = _dict(each.get("intervals")), each.get("why")
            shares = [_both(percent(each.get(k)), _pair(intervals.get(k))) for k in ("precision", "recall")]
            alarms = f"{each['false_alarms']:.2g}" if _is_number(each.get("false_alarms")) else "none"
            reasons = [str(reason) for reason in why] if isinstance(why, list) else []
            optimistic = ["chosen on these images: optimistic"] if each.get("optimistic") is True else []
            rows.append((f"{each['threshold']:g}", *shares, alarms, ", ".join(reasons + optimistic)))
    return rows


def parity_rows(parity: Mapping[str, Any]) -> Sequence[Row]:
    """The compared files, the verdict and why."""
    return [
        (
            _name(each.get("model")),
            _name(each.get("reference")),
            str(each.get("verdict")),
            "; ".join(map(str, each["reasons"])) if isinstance(each.get("reasons"), list) else "",
        )
        for each in _dicts(parity.get("pairs"))
    ]


def variant_rows(quantization: Mapping[str, Any]) -> Sequence[Row]:
    """Name, size, images/s and figures of each form of the model."""
    return [
        (
            str(each.get("name")),
            f"{each['bytes'] / 1e6:.1f}" if _is_number(each.get("bytes")) else "none",
            f"{each['images_per_second']:.1f}" if _is_number(each.get("images_per_second")) else "none",
            ", ".join(f"{name} {percent(value)}" for name, value in _dict(each.get("figures")).items()),
        )
        for each in _dicts(quantization.get("variants"))
    ]


def dataset_rows(report: Mapping[str, Any]) -> Sequence[Row]:
    """Role, name, list, images, faces, fingerprint and licence of each dataset that a report states."""
    return [
        (
            str(each.get("role")),
            _name(each.get("path")),
            _name(each.get("list") or ""),
            count(_dict(each.get("fingerprint")).get("images")),
            count(_dict(each.get("fingerprint")).get("faces")),
            str(_dict(each.get("fingerprint")).get("digest") or ""),
            licence(each.get("licence")),
        )
        for each in _dicts(_at(report, "about", "datasets"))
    ]


def percent(value: Any) -> str:
    """A share in 0..1 in per cent."""
    return f"{100 * value:.1f} %" if _is_number(value) else "none"


def licence(stated: Any) -> str:
    """What the files of a dataset state; None if nobody looked for it."""
    return stated or "none found in its files" if isinstance(stated, str) else NOT_STATED


def count(value: Any) -> str:
    return f"{value:,}" if type(value) is int else "not stated"


def _name(path: Any) -> str:
    """The name of a file or folder without the folders above it: a card is given away."""
    return Path(path).name if isinstance(path, str) else ""


def _interval(value: Any) -> str:
    """An interval as the JSON of `evaluate` has it, with `low` and `high`."""
    return _pair([_dict(value).get("low"), _dict(value).get("high")])


def _pair(value: Any) -> str:
    if not isinstance(value, Sequence) or len(value) != 2 or not all(map(_is_number, value)):
        return ""
    return f"{100 * value[0]:.1f} to {100 * value[1]:.1f}"


def _both(value: str, interval: str) -> str:
    return f"{value} ({interval})" if interval else value


def _at(node: Any, *keys: str) -> Any:
    for key in keys:
        node = _dict(node).get(key)
    return node


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(values: Any) -> list[dict[str, Any]]:
    return [each for each in values if isinstance(each, dict)] if isinstance(values, list) else []


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)
