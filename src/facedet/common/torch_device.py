"""The device of PyTorch that a name means."""

from facedet.common.errors import UserError


def choose_device(wanted: str) -> str:
    """The device for `cpu`, `cuda`, `cuda:N` or `auto`. Raises UserError if this machine lacks it."""
    name = wanted.lower()
    kind, _, index = name.partition(":")
    if (kind not in ("cpu", "cuda") and name != "auto") or (index and not index.isdigit()):
        raise UserError(f"--device {wanted}: not a device; give cpu, cuda, cuda:N or auto")
    import torch  # a wrong name is refused before

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if kind == "cuda" and int(index or 0) >= torch.cuda.device_count():
        raise UserError(
            f"--device {wanted}: this machine has {torch.cuda.device_count()} CUDA devices; give cpu or auto"
        )
    return name
