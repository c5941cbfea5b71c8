"""Training as text for the terminal: a finished run, a dry run."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # they need torch
    from facedet.train.dry_run import DryRun
    from facedet.train.record.summary import Summary


def summary_text(done: "Summary") -> str:
    """The best validation, and which files to look at."""
    best, last = done.best, done.last
    line = f"best: AP {best.get('AP', 0.0):.3f}, AP50 {best.get('AP50', 0.0):.3f} at epoch {best.get('epoch', 0)}"
    if best.get("epoch") == 0:
        line += (
            f", the start: training did not improve on it (AP {last.get('AP', 0.0):.3f} at epoch {last['epoch']}), so "
            f"{done.best_checkpoint} holds the weights that it started from"
        )
    if done.operating_point:
        line += f"\nit shows boxes above its {done.operating_point}"
    return f"{line}\nwrote {done.best_checkpoint} and {done.report}"


def dry_run_text(done: "DryRun") -> str:
    """Time and memory of a dry run."""
    seconds, rate = done.iteration_seconds, done.images / done.iteration_seconds
    lines = [
        f"an iteration takes {seconds:.3g} s for {done.images} images ({rate:.3g} images/s), a validation "
        f"{done.validation_seconds:.3g} s; peak memory {done.peak_memory_mb:,} MB",
        f"{done.iterations:,} iterations and {done.validations} validations take about {duration(done.seconds)}",
    ]
    return "\n".join(lines + [f"left out: {line}" for line in done.left_out])


def duration(seconds: float) -> str:
    """Rounded to the units that matter: `40 s`, `12 min`, `3 h 20 min`, `2 d 5 h`."""
    minutes, hours = round(seconds / 60), round(seconds / 3600)
    if minutes < 2:
        return f"{max(1, round(seconds))} s"
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min" if hours < 24 else f"{hours // 24} d {hours % 24} h"
