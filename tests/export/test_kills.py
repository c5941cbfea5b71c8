"""Whenever a process that writes an IR dies, OpenVINO opens the old one, the new one, or nothing."""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from facedet.weights.ir.graph import core

_SCRIPT = """
import os, signal, sys
from pathlib import Path
from helpers.kills import die_before
from openvino import opset13 as ops
import numpy as np
import openvino as ov
from facedet.export.to_ir import save_ir

def graph(in_graph, in_weights):  # of an input of ones, it computes their sum
    image = ops.parameter([1, 4], np.float32)
    product = ops.matmul(image, ops.constant(np.full((4, 4), in_weights / 4, np.float32)), False, False)
    return ov.Model([ops.add(ops.clamp(image, in_graph, in_graph + 1), product)], [image])

folder = Path(sys.argv[1])
for change in range(1, 100):
    file = folder / str(change) / "detector.xml"
    save_ir(graph(100, 1), file, fp16=False)
    child = os.fork()
    if not child:
        die_before(change, folder)
        save_ir(graph(200, 2), file, fp16=False)
        os._exit(0)
    died = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if not died:
        break
    assert died == -signal.SIGKILL, died
"""


def test_an_ir_is_never_half_old_and_half_new(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", _SCRIPT, tmp_path], check=True, env=environment)
    ends = []
    for change in itertools.count(1):
        if not (file := tmp_path / str(change) / "detector.xml").parent.is_dir():
            break
        ends.append("none" if not file.exists() else _computes(file))
    assert set(ends) == {"old", "new", "none"}
    assert ends == sorted(ends, key=["old", "none", "new"].index)


def _computes(file: Path) -> str:
    compiled = core().compile_model(core().read_model(file), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    value = float(compiled(np.ones((1, 4), np.float32))[0][0, 0])
    return {101.0: "old", 202.0: "new"}.get(value, f"mixed: {value}")
