"""Models for benchmarks of exports: `small`, and the full model as a checkpoint and, if possible, the published graph.

`../shared/reference`, or the folder that FACEDET_SHARED names, holds the script that makes the published graph with
synthetic weights, which the checkpoint has then, too. Without it, the checkpoint has random weights.
"""

import os
import subprocess
import sys
from pathlib import Path

from facedet.detector.config import load_config, network_to_json
from facedet.detector.model import build_detector
from facedet.weights.checkpoint import META_KEY
from facedet.weights.importing import import_weights
from facedet.weights.torch_file import write_torch_file

SHARED = Path(os.environ.get("FACEDET_SHARED", Path(__file__).parents[2] / "shared")).resolve()
_SCRIPT = SHARED / "reference" / "standin" / "make_standin.py"


def full_model(folder: Path) -> tuple[Path, Path | None]:
    """Write into `folder`. Returns the paths of the checkpoint and of the published graph."""
    checkpoint, reference = folder / "full.pth", folder / "reference"
    if _SCRIPT.is_file():
        subprocess.run([sys.executable, _SCRIPT, "-o", reference], check=True, stdout=subprocess.DEVNULL)
        import_weights(reference / "snapshot.pth", checkpoint)
        return checkpoint, reference / "face-detection-0206.xml"
    return random_model("face_detection_0206", checkpoint), None


def random_model(name: str, checkpoint: Path) -> Path:
    """Write a checkpoint of a config with random weights, which do not change the speed of float networks."""
    config = load_config(name)
    content = {"meta": {META_KEY: network_to_json(config)}, "state_dict": build_detector(config).state_dict()}
    write_torch_file(content, checkpoint)
    return checkpoint
