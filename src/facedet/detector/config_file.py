"""The file of a config. Needs no mmengine, so that a wrong name is refused at once."""

from pathlib import Path

from facedet.common.errors import UserError
from facedet.configs import FOLDER


def find_config(config: str | Path) -> Path:
    """The file of a config by its name in configs/ (`tiny`) or its path. Raises UserError if there is none."""
    path = Path(config)
    if not path.suffix and (FOLDER / f"{path.name}.py").is_file() and not path.is_file():
        path = FOLDER / f"{path.name}.py"
    if not path.is_file():
        names = ", ".join(sorted(p.stem for p in FOLDER.glob("[!_]*.py")))
        raise UserError(f"{config}: no such config; give a file or one of {names}")
    return path
