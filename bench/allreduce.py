"""Time that the processes of a training run need to exchange the gradients of the full model.

    python bench/allreduce.py

Measures an all-reduce of as many float32 numbers as face_detection_0206 has parameters, over Gloo between two processes
on this machine, computes what other links need, and writes both to bench/results/allreduce.txt.
"""

import os
import platform
import statistics
import tempfile
import time
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing

PARAMETERS = 63_788_363  # as `facedet info face_detection_0206` counts them
_RUNS = 7
_LINKS = {  # GB/s in each direction, by the data sheets
    "NVLink 4 (H100)": 450,
    "PCIe 5.0 x16": 63,
    "InfiniBand NDR, 400 Gb/s": 50,
    "PCIe 4.0 x16": 31.5,
    "InfiniBand HDR, 200 Gb/s": 25,
    "100 Gb/s Ethernet": 12.5,
    "25 Gb/s Ethernet": 3.125,
    "10 Gb/s Ethernet": 1.25,
    "1 Gb/s Ethernet": 0.125,
}


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        torch.multiprocessing.spawn(_measure, (scratch,), nprocs=2)
        seconds = float((Path(scratch) / "seconds").read_text())
    lines = [
        f"{PARAMETERS:,} float32 parameters, {4 * PARAMETERS / 1e6:.0f} MB\n"
        f"measured, Gloo, 2 processes on one machine ({platform.machine()}, {os.cpu_count()} cores): "
        f"{seconds:.2f} s (median of {_RUNS}), {ring_bytes(2) / seconds / 1e9:.2f} GB/s in each direction\n"
        "computed, 2 (N - 1) / N x 4 bytes x parameters / bandwidth, for N = 2, 8 and 64 processes:\n"
    ]
    for link, bandwidth in _LINKS.items():
        times = (f"{1000 * ring_bytes(count) / bandwidth / 1e9:8.1f}" for count in (2, 8, 64))
        lines.append(f"{link:25} {bandwidth:7.3f} GB/s {' '.join(times)} ms\n")
    text = "".join(lines)
    (Path(__file__).parent / "results" / "allreduce.txt").write_text(text)
    print(text, end="")


def ring_bytes(processes: int) -> float:
    """Bytes that each process of a ring sends in one all-reduce."""
    return 2 * (processes - 1) / processes * 4 * PARAMETERS


def _measure(rank: int, folder: str) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    gradients, seconds = torch.ones(PARAMETERS), []
    for _ in range(_RUNS + 1):
        dist.barrier()
        started = time.perf_counter()
        dist.all_reduce(gradients)
        seconds.append(time.perf_counter() - started)
    if rank == 0:
        (Path(folder) / "seconds").write_text(str(statistics.median(seconds[1:])))  # the first one connects
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
