"""A script: trains by the config, on the datasets and in the folder of its arguments.

Prints as JSON what of its process is not as it was.
"""

import json
import logging
import multiprocessing
import os
import random
import resource
import signal
import sys
import warnings
from pathlib import Path
from typing import Any

import cv2
import matplotlib
import numpy as np
import torch

from facedet.train import finetune, training  # noqa: F401  (imports what a run needs, which changes the process)


def state() -> dict[str, Any]:
    return {
        "random": random.getstate(),
        "numpy": np.random.get_state()[1].tolist(),  # type: ignore[index]
        "torch": torch.get_rng_state().tolist(),
        "threads": (torch.get_num_threads(), cv2.getNumThreads()),
        "start method": multiprocessing.get_start_method(allow_none=True),
        "backend": matplotlib.get_backend(auto_select=False),
        "logging": (logging.root.level, list(logging.root.handlers), logging.root.manager.disable),
        "warnings": (list(warnings.filters), warnings.showwarning),
        "files": resource.getrlimit(resource.RLIMIT_NOFILE),
        "signals": [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)],
        "deterministic": (torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark),
        "environment": dict(os.environ),
        "folder": Path.cwd(),
        "path": list(sys.path),
    }


if __name__ == "__main__":
    config, train, val, work_dir = sys.argv[1:]
    before = state()
    finetune(config, train, val, work_dir=work_dir, epochs=1, batch_size=8, checkpoint_gradients=True)
    after = state()
    changed = [name for name in before if before[name] != after[name]]
    if multiprocessing.active_children():
        changed.append("children")
    print(json.dumps(changed))
