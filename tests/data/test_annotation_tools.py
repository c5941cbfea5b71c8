"""Annotation tools read what `data convert` writes with their own importers, each in an environment of its own.

FiftyOne is missing: it needs MongoDB, which its package downloads from elsewhere.
"""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from helpers.environments import CLIENTS, environment
from helpers.odd import held, odd_dataset

from facedet.data.convert import convert_dataset
from facedet.data.dataset import DatasetSource, read_dataset
from facedet.data.writers.table import TARGETS

pytestmark = [pytest.mark.full, pytest.mark.clients]

READS = {
    "datumaro": tuple(TARGETS),
    "supervision": ("coco", "voc", "yolo"),
    "label_studio": ("coco", "yolo"),
}
MARKS_IGNORED = {("supervision", "coco"), *(("datumaro", to) for to, row in TARGETS.items() if row.marks_ignored)}


@pytest.mark.parametrize(("tool", "to"), [(tool, to) for tool, formats in READS.items() for to in formats])
def test_a_tool_reads_the_same(tool: str, to: str, tmp_path: Path) -> None:
    python = environment(tool)
    source = DatasetSource(odd_dataset(tmp_path / "set").path, classes=("all",), allow_losses=True)
    path = convert_dataset(source, tmp_path / "out", to)
    written = {photo.path: photo for photo in read_dataset(DatasetSource(path, classes=("all",))).photos}
    command = [python, "-I", CLIENTS / f"read_{tool}.py", tmp_path / "out", to]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = {Path(image): rows for image, rows in json.loads(done.stdout.splitlines()[-1])}
    assert found.keys() == written.keys()
    assert sum(map(len, found.values())) > 30
    for image, rows in found.items():
        boxes, ignored, classes = held(written[image], to)
        np.testing.assert_allclose(np.reshape([row[1:5] for row in rows], (-1, 4)), boxes, rtol=0, atol=0.01)
        assert tuple(row[0] for row in rows) == classes
        if (tool, to) in MARKS_IGNORED:
            assert [row[5] for row in rows] == ignored.tolist()
