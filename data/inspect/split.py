"""Divide a set for training and validation so that pictures of the same stay on one side."""

from collections import Counter
from pathlib import Path, PurePath

import numpy as np

from facedet.core.common.errors import UserError
from facedet.core.common.files import write_beside
from facedet.core.common.progress import Progress, silent
from facedet.core.data.dataset import DatasetSource, read_annotations
from facedet.core.data.inspect.hashing import groups_of_near_duplicates
from facedet.core.data.inspect.images import inspect_images

TRAIN, VAL = "train.txt", "val.txt"


def split_dataset(
    source: DatasetSource, folder: Path, share: float, seed: int, progress: Progress = silent
) -> tuple[Path, Path]:
    """Write train.txt and val.txt into `folder`: names of pictures, one a line, as --train-list and --val-list take.

    `share` of the pictures, as near as groups of near duplicates allow, goes to validation. The same set and seed give
    the same lists. Pictures that cannot be read are listed too: a training names them. Raises UserError, also where a
    list is there already.
    """
    if not 0 < share < 1:
        raise UserError(f"the share for validation must lie between 0 and 1, not be {share:g}")
    files = folder / TRAIN, folder / VAL
    for file in files:
        if file.exists():
            raise UserError(f"{file}: is there already; choose another folder or remove it")
    paths = sorted(entry.path for entry in read_annotations(source, []))
    names = shortest_names(paths)
    seen = inspect_images(paths, progress, f"compare {source.path.name}")
    chosen = choose(_groups([each.fingerprint for each in seen]), round(share * len(paths)), seed)
    if not chosen:
        raise UserError(f"{source.path}: cannot be split: it is one picture, or near duplicates of one")
    for file, inside in zip(files, (False, True), strict=True):
        lines = [name for k, name in enumerate(names) if (k in chosen) == inside]
        with write_beside(file) as beside:
            beside.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return files


def choose(groups: list[list[int]], wanted: int, seed: int) -> set[int]:
    """Members of whole groups, drawn at random, as near to `wanted` in number as can be.

    Neither none nor all: the empty set where groups do not allow that.
    """
    drawn = [groups[k] for k in np.random.default_rng(seed).permutation(len(groups))]
    reachable = [1]  # bit n is set if some of the groups so far have n members
    for group in drawn:
        reachable.append(reachable[-1] | reachable[-1] << len(group))
    total = sum(len(group) for group in drawn)
    number = min((n for n in range(1, total) if reachable[-1] >> n & 1), key=lambda n: abs(n - wanted), default=0)
    chosen: set[int] = set()
    for k in range(len(drawn) - 1, -1, -1):
        if not reachable[k] >> number & 1:
            chosen.update(drawn[k])
            number -= len(drawn[k])
    return chosen


def shortest_names(paths: list[Path]) -> list[str]:
    """For each path its end, as short as no other path ends like it, with or without a suffix. Raises UserError."""
    ends: Counter[PurePath] = Counter()
    for path in paths:
        ends.update({end for whole in (path, path.with_suffix("")) for end in _ends(whole)})
    names = []
    for path in paths:
        name = next((end for end in _ends(path) if ends[end] == 1), None)
        if name is None:
            raise UserError(f"{path}: annotated twice, or its path ends another's; `facedet data check` tells more")
        names.append(name.as_posix())
    return names


def _ends(path: Path) -> list[PurePath]:
    return [PurePath(*path.parts[-k:]) for k in range(1, len(path.parts) + 1)]


def _groups(prints: list) -> list[list[int]]:
    """Every picture in one group."""
    near = groups_of_near_duplicates(prints)
    grouped = {k for group in near for k in group}
    return near + [[k] for k in range(len(prints)) if k not in grouped]
