"""Run command lines of `facedet`, a JSON list in standard input, one after the other in this process.

Writes what each did into the JSON file named by the argument: exit code, output, and which heavy libraries were
imported by then.
"""

import json
import sys
import traceback
from pathlib import Path

from click.testing import CliRunner

from facedet.cli import main

HEAVY = {"albumentations", "mmcv", "mmdet", "mmengine", "nncf", "onnxscript", "torch", "torchvision"}


def run(line: list[str]) -> dict:
    done = CliRunner().invoke(main, line)
    error = done.exception if not isinstance(done.exception, SystemExit) else None
    return {
        "exit_code": done.exit_code,
        "output": done.output + ("".join(traceback.format_exception(error)) if error else ""),
        "heavy": sorted(HEAVY & sys.modules.keys()),
    }


if __name__ == "__main__":  # the processes of `benchmark` import this file too
    Path(sys.argv[1]).write_text(json.dumps([run(line) for line in json.load(sys.stdin)]), encoding="utf-8")
