"""Fingerprints of images that were never drawn, for tests with thousands of them."""

import numpy as np

from facedet.data.inspect.hashing import Fingerprint


def chain(rng: np.random.Generator, count: int) -> list[Fingerprint]:
    """Frames of a video: each resembles the one before, and soon none of the earlier ones."""
    changed = rng.random((count, 256)) < 12 / 256
    changed[0] = rng.random(256) < 0.5
    pixels = rng.normal(size=256) + np.cumsum(rng.normal(0, 0.02, (count, 256)), axis=0)
    return _prints(np.logical_xor.accumulate(changed, axis=0), pixels)


def still(rng: np.random.Generator, count: int) -> list[Fingerprint]:
    """Frames of a camera that sees one scene: all resemble each other."""
    bits = (rng.random(256) < 0.5) ^ (rng.random((count, 256)) < 0.02)
    return _prints(bits, rng.normal(size=256) + rng.normal(0, 0.05, (count, 256)))


def unrelated(rng: np.random.Generator, count: int, ones: float = 0.5) -> list[Fingerprint]:
    """Different images. With few `ones` their hashes are near, as those of almost empty images, but not the images."""
    return _prints(rng.random((count, 256)) < ones, rng.normal(size=(count, 256)))


def _prints(bits: np.ndarray, pixels: np.ndarray) -> list[Fingerprint]:
    pixels = pixels - pixels.mean(axis=1, keepdims=True)
    pixels = (pixels / np.linalg.norm(pixels, axis=1, keepdims=True)).astype(np.float32)
    return [Fingerprint(*pair) for pair in zip(np.packbits(bits, axis=1).view(np.uint64), pixels, strict=True)]
