"""Measure new running statistics for batch normalization without changing what the network computes."""

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from facedet.common.errors import UserError
from facedet.common.machine import core_count
from facedet.common.parallel import map_ahead
from facedet.common.progress import Progress, Tell, duration, silent, tell_nobody
from facedet.data.image import read_image, to_tensor
from facedet.detector.model import Detector, preprocess

_MOST_AT_ONCE = 8  # images; each takes some 0.3 GB in the released network
_Sums = dict[nn.Module, Tensor]  # of each layer's input: count, sum, sum of squares; float64 [3, channels]


def calibrate(
    detector: Detector,
    size: int,
    images: Sequence[Path],
    left_out: list[str],
    progress: Progress = silent,
    tell: Tell = tell_nobody,
) -> int:
    """Measure the input of every batch normalization over the images. Returns how many of them could be read.

    Afterwards each layer has the mean and variance of its input, and weight and bias with which its output is the same
    as before. So training mode starts from the same function as eval mode. size: of the input, pixels. left_out: gets
    the reason for each unreadable image. tell: called after the first image with how long all of them take. Raises
    UserError if all are unreadable.
    """
    net: Any = detector.eval()
    seen, total, started = 0, _Sums(), time.monotonic()
    with _one_thread_each() as workers, _measuring(net) as sums_of:

        def measure(path: Path) -> _Sums | UserError:
            try:
                image = read_image(path)
            except UserError as error:
                return error
            return sums_of(torch.from_numpy(to_tensor(image, (size, size))))

        for _, measured in zip(progress(images, "calibrate"), map_ahead(measure, images, workers), strict=True):
            if isinstance(measured, UserError):
                left_out.append(str(measured))
                continue
            if not seen:
                seconds = (time.monotonic() - started) * math.ceil(len(images) / workers)
                tell(f"calibrating on {len(images)} images takes about {duration(seconds)}")
            seen += 1
            total = {module: sums + total.get(module, 0) for module, sums in measured.items()}
    if not seen:
        raise UserError(left_out[0])
    for module, (count, values, squares) in total.items():
        mean = values / count
        _set_statistics(module, mean, (squares / count - mean.square()).clamp(min=0))
    return seen


@contextmanager
def _one_thread_each() -> Iterator[int]:
    """Let torch compute each image in one thread. Yields how many images to compute at once.

    Several threads of one image would wait for each other in every layer; on a busy machine, that takes most of the
    time.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield max(1, min(threads, int(core_count()), _MOST_AT_ONCE))
    finally:
        torch.set_num_threads(threads)


@contextmanager
def _measuring(net: Any) -> Iterator[Callable[[Tensor], _Sums]]:
    """A function, for any number of threads, of an image float32 [1, 3, size, size] BGR 0..255."""
    own = threading.local()

    def add(module: nn.Module, inputs: tuple[Tensor]) -> None:
        x = inputs[0].double()
        count = x.new_full((x.shape[1],), x.numel() / x.shape[1])
        sums = torch.stack([count, x.sum((0, 2, 3)), x.square().sum((0, 2, 3))])
        own.sums[module] = own.sums.get(module, 0) + sums

    def sums_of(image: Tensor) -> _Sums:
        own.sums = {}
        with torch.inference_mode():
            net.neck(net.backbone(preprocess(net, image)))
        return own.sums

    hooks = [module.register_forward_pre_hook(add) for module in net.modules() if _is_batch_norm(module)]
    try:
        yield sums_of
    finally:
        for hook in hooks:
            hook.remove()


def _set_statistics(norm: Any, mean: Tensor, variance: Tensor) -> None:
    """Set running mean and variance, and weight and bias so that the output does not change."""
    scale = norm.weight.detach().double() / (norm.running_var.double() + norm.eps).sqrt()
    shift = norm.bias.detach().double() - norm.running_mean.double() * scale
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
    with torch.no_grad():
        norm.weight.copy_(scale * (variance + norm.eps).sqrt())
        norm.bias.copy_(shift + mean * scale)


def _is_batch_norm(module: nn.Module) -> bool:
    return isinstance(module, nn.modules.batchnorm._BatchNorm)
