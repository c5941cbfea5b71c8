"""The speed of models as text for the terminal."""

from facedet.inference.benchmark import Benchmark, spread
from facedet.text.columns import columns


def benchmark_table(result: Benchmark) -> str:
    """The machine, and a row for each model: its figures, and its speed-up over the first model."""
    rows: list[tuple[str, ...]] = [
        ("model", "precision", "ms", "speed-up", "CPU ms", "speed-up", "images/s", "speed-up", "open s", "MB")
    ]
    for speed in result.speeds:
        opened, figures = speed.opened, []
        for name, ratio in speed.speed_up_over(result.speeds[0]).items():
            figures += [" / ".join(f"{value:.4g}" for value in spread(getattr(speed, name))), f"{ratio:.3f}x"]
        rows.append(
            (opened.path, opened.runtime.precision, *figures, f"{opened.open_seconds:.2f}", str(opened.memory_mb))
        )
    versions = ", ".join(f"{name} {version}" for name, version in result.versions.items())
    before, after = result.load
    return "\n".join(
        [
            f"{result.machine}; {versions}; load {before:.1f} before, {after:.1f} after",
            f"{len(result.orders)} rounds, each model once in each: one image (ms; CPU ms: of all threads), then "
            f"{result.images} images (images/s)",
            "minimum / median / maximum; speed-up: over the first model, median over the rounds of the ratio",
            "open s: to load and compile; MB: memory of the model and one run",
            columns(rows, numbers=True),
            *dict.fromkeys(f"computed on {speed.opened.runtime}" for speed in result.speeds),
        ]
    )
