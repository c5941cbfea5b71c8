"""What a model is and where its weights come from, as text for the terminal."""

from typing import TYPE_CHECKING

from facedet.common.errors import one_line
from facedet.text.columns import columns
from facedet.weights.origin import Origin

if TYPE_CHECKING:  # it needs OpenVINO
    from facedet.inference.info import Info


def info_table(info: "Info") -> str:
    """Size and cost next to those of the published card, then interface and origin."""
    card = info.published
    rows = [
        ("", "this", "published face-detection-0206"),
        ("constants" if info.interface else "parameters", f"{info.parameters:,}", ""),
        ("MParams, counted like the card", f"{info.card_million_parameters:.3f}", f"{card.million_parameters:.3f}"),
        (f"GFLOPs at {info.input_size}x{info.input_size}", f"{info.gflops:.3f}", f"{card.gflops:.3f} at 640x640"),
    ]
    if info.bin_bytes:
        rows.insert(2, ("bytes of the .bin", f"{info.bin_bytes:,}", ""))
    lines = [f"{info.path} ({info.kind})", columns(rows), *map(one_line, info.interface)]
    lines += [f"shows boxes above the {info.threshold}"] if info.threshold else []
    return "\n".join(lines + [one_line(f"{key}: {value}") for key, value in info.origin.items()])


def origin_lines(origin: Origin) -> list[str]:
    """What was imported, and how closely it matches the file."""
    lines = [f"imported all weights of the {origin.config} {origin.form}"]
    if origin.proof and origin.proof_as_stored:
        lines.append(f"largest difference from the file before NMS, over all anchors: {origin.proof_as_stored}")
        if origin.form.startswith("f16"):
            lines.append(
                f"the checkpoint itself: {origin.proof}; FP16 rounded the box weights separately for each level"
            )
    lines += [f"left out: {line}" for line in origin.left_out]
    if origin.calibrated_on:
        lines.append(
            f"batch normalization has the running statistics of {origin.calibrated_on} images and can be trained"
        )
    elif origin.frozen_norms:
        lines.append(
            f"{origin.frozen_norms} batch normalization layers have no running statistics and stay frozen in training; "
            "--calibrate IMAGES measures new ones"
        )
    return lines
