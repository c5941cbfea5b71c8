"""What a run is trained and validated on, in a few values: a resumed run notices that its data has changed."""

import hashlib
import json
from typing import Any

from facedet.train.samples.dataset import FaceDataset


def fingerprint(dataset: FaceDataset) -> dict[str, Any]:
    """`images`, `faces`, and `digest`, SHA-256 over the names, sizes and boxes of all images.

    A dataset may be moved to another folder: its images count by their file names.
    """
    digest = hashlib.sha256()
    for photo in dataset.faces.photos:
        digest.update(json.dumps([photo.path.name, photo.width, photo.height]).encode("utf-8", "surrogatepass"))
        digest.update(photo.boxes.tobytes() + photo.ignored.tobytes())
    return {"images": len(dataset.faces.photos), "faces": dataset.faces.faces, "digest": digest.hexdigest()}


def difference(before: dict[str, Any], now: dict[str, Any]) -> str:
    """How data has changed, for a message; empty if it has not."""
    if before == now:
        return ""
    counts = [f"{each.get('images')} images with {each.get('faces')} faces" for each in (before, now)]
    return f"had {counts[0]}, has {counts[1]}" if counts[0] != counts[1] else f"has {counts[0]} as before, but others"
