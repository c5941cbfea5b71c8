"""What several tests share: the outside world where it lies beside the project, and one short real training."""

import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.boxes import detections
from helpers.download_server import DownloadServer, serving
from helpers.formats import WRITERS
from helpers.once import Once
from helpers.short import EPOCHS, write_config
from helpers.signals import signal_stack_is_usable

from facedet.data.structures import Detections
from facedet.data.synthetic import draw_dataset
from facedet.evaluation.metrics.wider import WiderTruth, read_truth

ROOT = Path(__file__).parent.parent
SHARED = Path(os.environ.get("FACEDET_SHARED", ROOT.parent / "shared"))


def pytest_configure(config: pytest.Config) -> None:
    """No usage statistics are sent; OpenVINO forks this process for each. Processes side by side (pytest -n) compute
    in one thread each: two threads each would wait for each other."""
    os.environ["CI"] = "true"
    if getattr(config.option, "numprocesses", None):
        os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One file that needs the training run comes first, and then those that do not: so one process of `pytest -n 2`
    trains while the other has something to do."""
    trains = {item.path: False for item in items}
    for item in items:
        trains[item.path] |= "trained" in getattr(item, "fixturenames", ())
    first = next((path for path, does in trains.items() if does), None)
    items.sort(key=lambda item: (item.path != first, trains[item.path]))


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
def imagenet_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for TORCH_HOME whose cache has the ImageNet weights of `small`."""
    folder = tmp_path_factory.mktemp("torch-home")
    (folder / "hub").mkdir()
    (folder / "hub" / "checkpoints").symlink_to(_shared("weights"))
    return folder


@pytest.fixture
def download_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DownloadServer]:
    """A server of a folder that a test fills."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "served"
    folder.mkdir()
    with serving(folder) as server:
        yield server


@pytest.fixture
def torchvision_server(
    download_server: DownloadServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> DownloadServer:
    """It takes the place of torchvision's, for the one file that a test puts there; torch's cache is empty."""
    from facedet.weights import imagenet

    def address(name: str) -> str:
        file = next((path.name for path in download_server.folder.iterdir()), f"{name}-00000000.pth")
        return f"{download_server.address}/{file}"

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch-home"))
    monkeypatch.setattr(imagenet, "_address", address)
    return download_server


@pytest.fixture(scope="session")
def faces() -> Path:
    """Real images with annotated faces: a Pascal VOC folder with train.txt and val.txt."""
    return _shared("faces")


def _shared(name: str) -> Path:
    if not (SHARED / name).is_dir():
        pytest.skip(f"no {name}/ in {SHARED}: set FACEDET_SHARED to the folder that holds it")
    return SHARED / name


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """Builds something once for all processes of this test run."""
    return Once(tmp_path_factory)


@pytest.fixture(scope="session")
def drawn(once: Once) -> Path:
    """A small drawn dataset: train.json, val.json, images/."""

    def build(folder: Path) -> Path:
        draw_dataset(folder, 24, seed=1, name="train")
        draw_dataset(folder, 8, seed=2, name="val")
        return folder

    return once("drawn", build)


@pytest.fixture(scope="session")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`tiny` with a quarter of the channels at 96 pixels, for tests in which the accuracy does not matter."""
    path = tmp_path_factory.mktemp("config") / "quick.py"
    channels = "model = dict(backbone=dict(base_channels=16), neck=dict(in_channels=[16, 32, 64, 128]))"
    path.write_text(f"_base_ = {str(ROOT / 'configs' / 'tiny.py')!r}\ninput_size = 96\n{channels}\n")
    return path


@pytest.fixture(scope="session")
def narrow(quick: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`quick` at 64 pixels with fewer channels in stem, neck and head, for tests that train many times."""
    path = tmp_path_factory.mktemp("config") / "narrow.py"
    path.write_text(
        f"_base_ = {str(quick)!r}\ninput_size = 64\n"
        "model = dict(\n"
        "    backbone=dict(stem_channels=16),\n"
        "    neck=dict(out_channels=32),\n"
        "    bbox_head=dict(in_channels=32, feat_channels=32, stacked_convs=1),\n"
        ")\n"
    )
    return path


@pytest.fixture(scope="session")
def trained(drawn: Path, once: Once) -> Path:
    """The work dir of a short training run of `tiny` on the drawn dataset: it detects, but not well."""

    def build(folder: Path) -> Path:
        from facedet.train import finetune

        sets = drawn / "train.json", drawn / "val.json"
        finetune(write_config(folder), *sets, work_dir=folder / "run", epochs=EPOCHS)
        return folder / "run"

    return once("trained", build)


@pytest.fixture(scope="session")
def exported_as(trained: Path, once: Once) -> Callable[..., dict[str, Path]]:
    """Exports the best checkpoint of `trained` once with each combination of options of `export`."""

    def export_as(**options: Any) -> dict[str, Path]:
        from facedet.export.export import export_model

        name = "-".join(["exported", *(f"{key}={value}" for key, value in sorted(options.items()))])
        return once(name, lambda folder: export_model(trained / "best.pth", folder, **options))

    return export_as


@pytest.fixture(scope="session")
def exported(exported_as: Callable[..., dict[str, Path]]) -> dict[str, Path]:
    """The best checkpoint of `trained`, exported in every format."""
    return exported_as()


@pytest.fixture(scope="session")
def unfolded(exported_as: Callable[..., dict[str, Path]]) -> dict[str, Path]:
    """The same without folding: the graph of the published model, which `import` can read."""
    return exported_as(fold=False)


@pytest.fixture(scope="session")
def quantized(exported: dict[str, Path], drawn: Path, once: Once) -> Path:
    """The FP32 IR of `exported`, quantized to INT8 and calibrated on the drawn images."""

    def build(folder: Path) -> Path:
        from facedet.export.int8 import quantize

        quantize(exported["fp32"], sorted((drawn / "images").iterdir()), folder / "detector-int8.xml")
        return folder / "detector-int8.xml"

    return once("quantized", build)


@pytest.fixture(scope="session")
def unseen_images(once: Once) -> Path:
    """A folder of six drawn images that are in no dataset."""

    def build(folder: Path) -> Path:
        draw_dataset(folder, 6, seed=3, name="held-out")
        return folder / "images"

    return once("unseen", build)


@pytest.fixture(scope="session")
def two_images(unseen_images: Path, once: Once) -> Path:
    """The first two of them, where more would judge the same."""

    def build(folder: Path) -> Path:
        for path in sorted(unseen_images.iterdir())[:2]:
            shutil.copy(path, folder)
        return folder

    return once("two", build)


@pytest.fixture(scope="session")
def standin(reference: Path, once: Once) -> Path:
    """The stand-in for the published model: snapshot.pth and face-detection-0206.xml, one function in both."""

    def build(folder: Path) -> Path:
        subprocess.run([sys.executable, reference / "standin" / "make_standin.py", "-o", folder], check=True)
        return folder

    return once("standin", build)


@pytest.fixture
def made(tmp_path: Path) -> Callable[[str], Path]:
    """Writes three annotated images in a format; returns the path to pass to a command."""

    def make(format: str) -> Path:
        WRITERS[format](tmp_path / format)
        return tmp_path / format / ("wider_face_split" if format == "wider" else "")

    return make


@pytest.fixture(scope="session")
def imported(unfolded: dict[str, Path], once: Once) -> Path:
    """The tiny IR, imported without calibration."""

    def build(folder: Path) -> Path:
        from facedet.weights.importing import import_weights

        import_weights(unfolded["fp32"], folder / "imported.pth")
        return folder / "imported.pth"

    return once("imported", build)


@pytest.fixture(scope="session")
def calibrated(unfolded: dict[str, Path], drawn: Path, once: Once) -> Path:
    """The tiny IR, imported and calibrated on its training images."""

    def build(folder: Path) -> Path:
        from facedet.weights.importing import import_weights

        origin = import_weights(unfolded["fp32"], folder / "calibrated.pth", calibrate_on=drawn / "images")
        assert (origin.frozen_norms, origin.calibrated_on) == (0, 32)
        return folder / "calibrated.pth"

    return once("calibrated", build)


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
