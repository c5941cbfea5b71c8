"""Speed of training steps: this project compared with plain mmdet and the same recipe, on one GPU or a CPU.

    python bench/gpu/train.py [--config face_detection_0206] [--size 640] [--batch-size 8] [-o RESULT.json]

`plain` is mmdet's ATSSHead and ATSSAssigner in float32 with PyTorch's defaults; `plain-amp` is the same in the
precision of `facedet`, which is what `facedet train` does on the device; `facedet-float32` is `facedet --amp off`;
`compiled` is `facedet` with torch.compile.
Each variant runs in its own process, in turns, because the memory allocator is set for a process. Decoding and
augmentation are not measured. `mmcv_operators` says whose focal loss all variants use on a GPU. MFU counts 3 x the
network's operations for each image, as a share of the bfloat16 peak, which is measured with a large matrix product.
"""

import json
import platform
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import click

_WARM_UP = 3  # steps
VARIANTS = ("plain", "plain-amp", "facedet", "facedet-float32", "compiled")


def run_variant(variant: str, config: str, size: int, batch_size: int, steps: int, device: str) -> dict[str, Any]:
    """Train for some steps in this process. Returns images per second, peak memory and settings."""
    import torch
    from mmengine.optim import build_optim_wrapper

    from facedet.common.torch_device import choose_device
    from facedet.detector.complexity import measure
    from facedet.detector.config import load_config
    from facedet.detector.model import build_detector
    from facedet.train.configure import choose_precision, override
    from facedet.train.machine.device import place
    from facedet.train.machine.process import process_settings
    from facedet.train.optimizer import build_optimizer
    from facedet.train.options import TrainingOptions

    plain, cfg, device = variant.startswith("plain"), load_config(config), choose_device(device)
    cfg.input_size = size
    override(cfg, TrainingOptions(config, "", "", work_dir="", batch_size=batch_size))
    if plain:
        # imported here, after our substitutes for mmcv's compiled code
        from mmdet.models.data_preprocessors import DetDataPreprocessor
        from mmdet.models.losses import GIoULoss

        cfg.model.data_preprocessor.type = DetDataPreprocessor
        cfg.model.bbox_head.type, cfg.model.train_cfg.assigner.type = "ATSSHead", "ATSSAssigner"
        cfg.model.bbox_head.loss_bbox.type = GIoULoss
        cfg.model.train_cfg.update(allowed_border=-1, pos_weight=-1)
    amp = "off" if variant == "facedet-float32" else "auto"
    precision = "float32" if variant == "plain" else choose_precision(cfg, amp, device)
    gflops = measure(load_config(config)).gflops * (size / load_config(config).input_size) ** 2
    torch.manual_seed(0)
    model: Any = (build_mmdets(cfg) if plain else build_detector(cfg)).train()
    model = model.to(device) if plain else place(model, device)
    if variant == "compiled":
        model.backbone.compile()
        model.neck.compile()
    optimizer = build_optim_wrapper(model, cfg.optim_wrapper) if plain else build_optimizer(cfg, model, steps)
    batches = _batches(cfg, batch_size, pinned=device != "cpu")
    with nullcontext() if plain else process_settings(device, cudnn_benchmark=True):
        _train(model, optimizer, batches, _WARM_UP)
        rate = batch_size * steps / _train(model, optimizer, batches, steps)
    peak = torch.cuda.max_memory_allocated() // 2**20 if device != "cpu" else None
    return {"images_per_second": rate, "gflops": gflops, "precision": precision, "peak_memory_mb": peak}


def build_mmdets(cfg: Any) -> Any:
    """A network with mmdet's own head, which `build_detector` refuses: it cannot be exported."""
    from mmdet.registry import MODELS
    from mmengine.registry import init_default_scope

    init_default_scope("mmdet")
    model = MODELS.build(cfg.model)
    model.init_weights()
    return model


def _train(model: Any, optimizer: Any, batches: list[dict], steps: int) -> float:
    """Seconds for `steps` steps. Synchronizes with a GPU only at the end: until then, the host queues steps ahead."""
    import torch

    started = time.perf_counter()
    for k in range(steps):
        loss = model.train_step(batches[k % len(batches)], optimizer)["loss"]
    assert torch.isfinite(loss), "the loss is not finite"
    return time.perf_counter() - started


def _batches(cfg: Any, batch_size: int, pinned: bool) -> list[dict]:
    from mmengine.dataset import pseudo_collate

    from facedet.data.synthetic import draw_dataset
    from facedet.train.samples.dataset import FaceDataset

    with tempfile.TemporaryDirectory() as folder:
        path = draw_dataset(Path(folder), 2 * batch_size, seed=1, name="train")
        augment = cfg.train_dataloader.dataset.augment
        dataset = FaceDataset(str(path), input_size=cfg.input_size, augment=augment)
        samples = [dataset[k] for k in range(len(dataset))]
    if pinned:
        for sample in samples:
            sample["inputs"] = sample["inputs"].pin_memory()
    return [pseudo_collate(samples[k : k + batch_size]) for k in range(0, len(samples), batch_size)]


def bfloat16_peak(device: str) -> float:
    """Floating point operations per second of a large bfloat16 matrix product, the best of ten."""
    import torch

    side = 8192 if device != "cpu" else 2048
    a = torch.randn(side, side, device=device, dtype=torch.bfloat16)
    best = 0.0
    for _ in range(10):
        started = time.perf_counter()
        (a @ a)[0, 0].item()
        best = max(best, 2 * side**3 / (time.perf_counter() - started))
    return best


@click.command()
@click.option("--config", default="face_detection_0206")
@click.option("--size", default=640)
@click.option("--batch-size", default=8)
@click.option("--steps", default=20)
@click.option("--rounds", default=3)
@click.option("--device", default="auto")
@click.option("--variant", "variants", multiple=True, type=click.Choice(VARIANTS), default=VARIANTS[:3])
@click.option("-o", "--output", type=click.Path(path_type=Path))
@click.option("--here", hidden=True, is_flag=True)
def main(variants: tuple[str, ...], rounds: int, output: Path | None, here: bool, **options: Any) -> None:
    if here:
        click.echo(json.dumps(run_variant(variants[0], **options)))
        return
    arguments = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    runs: dict[str, list[dict]] = {variant: [] for variant in variants}
    for variant in [*variants] * rounds:
        command = [sys.executable, __file__, "--here", "--variant", variant, *arguments]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
        runs[variant].append(json.loads(done.stdout.splitlines()[-1]))
    result = {**options, **_summary(runs, options["device"])}
    text = json.dumps(result, indent=2)
    click.echo(text)
    if output:
        output.write_text(text + "\n")


def _summary(runs: dict[str, list[dict]], device: str) -> dict[str, Any]:
    import torch

    from facedet.common.torch_device import choose_device
    from facedet.detector import ops

    device = choose_device(device)
    peak, operators = bfloat16_peak(device), find_spec("mmcv._ext")
    ours = operators is not None and operators.origin == ops.__file__
    summary: dict[str, Any] = {
        "machine": torch.cuda.get_device_name() if device != "cpu" else platform.machine(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "mmcv_operators": "torchvision's instead" if ours else "compiled",
        "bfloat16_peak_tflops": round(peak / 1e12, 3),
    }
    for variant, results in runs.items():
        rate = median(result["images_per_second"] for result in results)
        mfu = rate * 3 * results[0]["gflops"] * 1e9 / peak
        summary[variant] = {**results[0], "images_per_second": round(rate, 3), "mfu": round(mfu, 3)}
    if "plain" in runs:
        for variant in runs.keys() - {"plain"}:
            ratio = summary[variant]["images_per_second"] / summary["plain"]["images_per_second"]
            summary[f"{variant}_over_plain"] = round(ratio, 3)
    return summary


if __name__ == "__main__":
    main()
