"""What several tests share: the outside world where it lies beside the project, and one short real training."""

import functools
import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.boxes import detections
from helpers.formats import WRITERS
from helpers.signals import signal_stack_is_usable

from facedet.data.structures import Detections
from facedet.data.synthetic import draw_dataset
from facedet.evaluation.metrics.wider import WiderTruth, read_truth

ROOT = Path(__file__).parent.parent
SHARED = Path(os.environ.get("FACEDET_SHARED", ROOT.parent / "shared"))


@pytest.fixture(autouse=True)
def signal_stack() -> Iterator[None]:
    """No test leaves a process that the next signal would kill, see `core` in weights/ir/graph.py."""
    yield
    assert signal_stack_is_usable()


@pytest.fixture(scope="session")
def reference() -> Path:
    """Facts, key list and stand-in of the published model."""
    return _shared("reference")


@pytest.fixture(scope="session")
def faces() -> Path:
    """Real images with annotated faces: a Pascal VOC folder with train.txt and val.txt."""
    return _shared("faces")


def _shared(name: str) -> Path:
    if not (SHARED / name).is_dir():
        pytest.skip(f"no {name}/ in {SHARED}: set FACEDET_SHARED to the folder that holds it")
    return SHARED / name


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small drawn dataset: train.json, val.json, images/."""
    folder = tmp_path_factory.mktemp("drawn")
    draw_dataset(folder, 24, seed=1, name="train")
    draw_dataset(folder, 8, seed=2, name="val")
    return folder


@pytest.fixture(scope="session")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`tiny` at 96 pixels, for tests in which the accuracy does not matter."""
    path = tmp_path_factory.mktemp("config") / "quick.py"
    path.write_text(f"_base_ = {str(ROOT / 'configs' / 'tiny.py')!r}\ninput_size = 96\n")
    return path


@pytest.fixture(scope="session")
def trained(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The work dir of a short training run of `tiny` on the drawn dataset: it detects, but not well."""
    from facedet.train import finetune

    folder = tmp_path_factory.mktemp("trained") / "run"
    finetune("tiny", drawn / "train.json", drawn / "val.json", work_dir=folder, epochs=12)
    return folder


@pytest.fixture(scope="session")
def exported(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The best checkpoint of `trained`, exported in every format."""
    from facedet.export.export import export_model

    return export_model(trained / "best.pth", tmp_path_factory.mktemp("exported"))


@pytest.fixture(scope="session")
def exported_as(
    trained: Path, exported: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., dict[str, Path]]:
    """Exports it once with each combination of options of `export`."""
    from facedet.export.export import export_model

    @functools.cache
    def export_as(**options: Any) -> dict[str, Path]:
        return (
            export_model(trained / "best.pth", tmp_path_factory.mktemp("variant"), **options) if options else exported
        )

    return export_as


@pytest.fixture(scope="session")
def unfolded(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same without folding: the graph of the published model, which `import` can read."""
    from facedet.export.export import export_model

    return export_model(trained / "best.pth", tmp_path_factory.mktemp("unfolded"), fold=False)


@pytest.fixture(scope="session")
def quantized(exported: dict[str, Path], drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The FP32 IR of `exported`, quantized to INT8 and calibrated on the drawn images."""
    from facedet.export.int8 import quantize

    path = tmp_path_factory.mktemp("quantized") / "detector-int8.xml"
    quantize(exported["fp32"], sorted((drawn / "images").iterdir()), path)
    return path


@pytest.fixture(scope="session")
def unseen_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of six drawn images that are in no dataset."""
    folder = tmp_path_factory.mktemp("unseen")
    draw_dataset(folder, 6, seed=3, name="held-out")
    return folder / "images"


@pytest.fixture(scope="session")
def standin(reference: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stand-in for the published model: snapshot.pth and face-detection-0206.xml, one function in both."""
    folder = tmp_path_factory.mktemp("standin")
    script = reference / "standin" / "make_standin.py"
    subprocess.run([sys.executable, script, "-o", folder], check=True)
    return folder


@pytest.fixture
def made(tmp_path: Path) -> Callable[[str], Path]:
    """Writes three annotated images in a format; returns the path to pass to a command."""

    def make(format: str) -> Path:
        WRITERS[format](tmp_path / format)
        return tmp_path / format / ("wider_face_split" if format == "wider" else "")

    return make


@pytest.fixture(scope="session")
def imported(unfolded: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny IR, imported without calibration."""
    path = tmp_path_factory.mktemp("imported") / "imported.pth"
    from facedet.weights.importing import import_weights

    import_weights(unfolded["fp32"], path)
    return path


@pytest.fixture(scope="session")
def calibrated(unfolded: dict[str, Path], drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny IR, imported and calibrated on its training images."""
    path = tmp_path_factory.mktemp("calibrated") / "calibrated.pth"
    from facedet.weights.importing import import_weights

    origin = import_weights(unfolded["fp32"], path, calibrate_on=drawn / "images")
    assert (origin.frozen_norms, origin.calibrated_on) == (0, 32)
    return path


@pytest.fixture(scope="session")
def golden(reference: Path) -> Path:
    """WIDER FACE's ground truth, made-up detections, and the figures of the reference evaluators for them."""
    folder = reference.parent / "golden" / "wider"
    if not folder.is_dir():
        pytest.skip(f"no {folder}: it contains the figures of the reference evaluators")
    return folder


@pytest.fixture(scope="session")
def golden_wider(golden: Path) -> tuple[WiderTruth, list[Detections]]:
    """The ground truth and the detections of `golden`, in the official order."""
    truth = read_truth(golden)
    rows = np.load(golden / "predictions.npz")["detections"]
    ends = np.searchsorted(rows[:, 0], np.arange(len(truth.names) + 1))
    return truth, [detections(*rows[a:b, 1:]) for a, b in itertools.pairwise(ends)]
