"""The training run of a checkpoint in one line, which its exports keep."""

from typing import Any

TRAINING = "training"  # the key in the facts of an export


def training_facts(meta: dict[str, Any]) -> dict[str, str]:
    """The fact for exports and reports; empty for a checkpoint without a run, such as an import. meta: it may be
    damaged."""
    known = {name: meta[name] for name in ("epoch", "max_epochs", "seed") if isinstance(meta.get(name), int)}
    if len(known) < 3:
        return {}
    parts = ["epoch {epoch} of {max_epochs}, seed {seed}".format(**known)]
    if isinstance(ended := meta.get("time"), str):
        parts.append(ended[:20])
    data = meta.get("data")
    for name, each in zip(("trained", "validated"), data if isinstance(data, list) else [], strict=False):
        if isinstance(each, dict):
            images, digest = str(each.get("images"))[:12], str(each.get("digest"))[:12]
            parts.append(f"{name} on {images} images ({digest})")
    return {TRAINING: ", ".join(parts)}
