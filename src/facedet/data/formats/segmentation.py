"""The box around a COCO segmentation: polygons, runs of pixels, or compressed runs."""

from typing import Any

from facedet.data.formats.parsing import enclosing, numbers

_BITS, _MORE, _SIGN = 0x1F, 0x20, 0x10  # of a character of compressed runs, above its first one
_FIRST = 48


def box_of_segmentation(segmentation: Any) -> list[float]:
    """x1 y1 x2 y2 in pixels. Raises ValueError if it describes no area."""
    if isinstance(segmentation, list):
        return enclosing([value for polygon in segmentation for value in enclosing(numbers(polygon))])
    if not isinstance(segmentation, dict) or "counts" not in segmentation:
        raise ValueError("its segmentation is neither polygons nor a mask")
    height, width = (int(side) for side in numbers(segmentation.get("size"), 2))
    counts = segmentation["counts"]
    runs = _decompress(counts) if isinstance(counts, str) else [int(run) for run in numbers(counts)]
    return _box_of_runs(runs, height, width)


def kind_of_segmentation(segmentation: Any) -> str:
    """What `box_of_segmentation` makes the box from."""
    return "polygon" if isinstance(segmentation, list) else "mask"


def _decompress(text: str) -> list[int]:
    """The lengths of runs from COCO's text: groups of five bits, and from the third run on differences to the last but
    one (maskApi.c of pycocotools, rleFrString)."""
    runs: list[int] = []
    value = shift = 0
    for character in text:
        code = ord(character) - _FIRST
        if not 0 <= code < 2 * _MORE:
            raise ValueError("its mask has characters that no compressed mask has")
        value |= (code & _BITS) << shift
        shift += 5
        if not code & _MORE:
            if code & _SIGN:
                value -= 1 << shift
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value = shift = 0
    return runs


def _box_of_runs(runs: list[int], height: int, width: int) -> list[float]:
    """The box around the pixels of every second run; pixels are counted down the columns."""
    if min(runs, default=-1) < 0 or sum(runs) != height * width or height < 1:
        raise ValueError(f"its mask does not have {width}x{height} pixels")
    position, sides = 0, []
    for k, run in enumerate(runs):
        if k % 2 and run:
            (first, top), (last, bottom) = divmod(position, height), divmod(position + run - 1, height)
            whole = last > first  # then it reaches both the lower and the upper border
            sides += [first, 0 if whole else top, last + 1, height if whole else bottom + 1]
        position += run
    if not sides:
        raise ValueError("its mask is empty")
    return enclosing([float(side) for side in sides])
