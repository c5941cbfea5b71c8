"""What a dataset is, in a few values, so that one can see whether two reports or two runs had the same data."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from facedet.data.structures import Photo


def fingerprint(photos: Sequence[Photo]) -> dict[str, Any]:
    """`images`, `faces` that are not ignored, and `digest`, SHA-256 over the names, sizes and boxes of all images.

    A dataset may be moved to another folder: its images count by their file names.
    """
    digest, faces = hashlib.sha256(), 0
    for photo in photos:
        digest.update(json.dumps([photo.path.name, photo.width, photo.height]).encode("utf-8", "surrogatepass"))
        digest.update(photo.boxes.tobytes() + photo.ignored.tobytes())
        faces += int((~photo.ignored).sum())
    return {"images": len(photos), "faces": faces, "digest": digest.hexdigest()}


def is_fingerprint(value: Any) -> bool:
    """Whether a value from a file is what `fingerprint` returns."""
    types = {name: type(each) for name, each in value.items()} if isinstance(value, dict) else {}
    return types == {"images": int, "faces": int, "digest": str} and min(value["images"], value["faces"]) >= 0


def difference(before: dict[str, Any], now: dict[str, Any]) -> str:
    """How data has changed, for a message; empty if it has not."""
    if before == now:
        return ""
    counts = [f"{each.get('images')} images with {each.get('faces')} faces" for each in (before, now)]
    return f"had {counts[0]}, has {counts[1]}" if counts[0] != counts[1] else f"has {counts[0]} as before, but others"
