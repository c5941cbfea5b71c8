"""Split a dataset into training and validation. Near-duplicates stay on one side."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePath

import numpy as np

from facedet.common.errors import UserError
from facedet.common.files import one_per_line, write_texts
from facedet.common.outputs import Output, writing
from facedet.common.progress import Progress, Tell, silent, tell_nobody
from facedet.data.classes import ALL
from facedet.data.dataset import DatasetSource, read_dataset
from facedet.data.inspect.hashing import Fingerprint
from facedet.data.inspect.images import inspect_images
from facedet.data.inspect.near import groups_of_near_duplicates
from facedet.data.lists import can_be_listed
from facedet.data.losses import Loss, Lost, refuse_many

TRAIN, VAL = "train.txt", "val.txt"


def split_dataset(
    source: DatasetSource,
    folder: Path,
    share: float,
    seed: int,
    progress: Progress = silent,
    tell: Tell = tell_nobody,
) -> tuple[Path, Path]:
    """Write the lists of `split_names` into `folder`: train.txt and val.txt, for --train-list and --val-list.

    Raises UserError like it, and when there is a list that no earlier split wrote.
    """
    train, val = folder / TRAIN, folder / VAL
    with writing("data split", [Output(folder, (TRAIN, VAL))]):
        lists = split_names(source, share, seed, progress, tell)
        write_texts(dict(zip((train, val), map(one_per_line, lists), strict=True)))
    return train, val


def split_names(
    source: DatasetSource,
    share: float,
    seed: int,
    progress: Progress = silent,
    tell: Tell = tell_nobody,
) -> tuple[list[str], list[str]]:
    """The names of the images to train and to validate on.

    `share` of the images goes to validation, as closely as groups of near-duplicates allow. The same dataset and seed
    give the same names. Images that training cannot use are left out; tell: called with a line for each loss. Raises
    UserError, also for too many losses, like `read_dataset`.
    """
    check_share(share)
    dataset = read_dataset(replace(source, classes=source.classes or (ALL,)), progress)
    for line in dataset.skipped:
        tell(line)
    listed = _listed(sorted(photo.path for photo in dataset.photos), source, tell)
    paths, names = list(listed), list(listed.values())
    val_images = choose_images(paths, share, seed, source.path, progress)
    train, val = ([name for k, name in enumerate(names) if (k in val_images) == held] for held in (False, True))
    return train, val


def _listed(paths: list[Path], source: DatasetSource, tell: Tell) -> dict[Path, str]:
    """The images that a list can hold, with their names in it. Raises UserError if too many cannot be listed."""
    names = dict(zip(paths, shortest_names(paths), strict=True))
    listed = {path: name for path, name in names.items() if can_be_listed(name)}
    reason = "a list cannot hold its name (control characters, spaces at its ends or \\); rename it"
    losses = [Loss(Lost.IMAGE, path, reason) for path in paths if path not in listed]
    if not source.allow_losses:
        refuse_many(losses, {Lost.IMAGE: len(listed)}, source.path, "cannot be listed", "rename them")
    for loss in losses:
        tell(str(loss))
    return listed


def check_share(share: float) -> None:
    """Raise UserError if it is no share of validation images."""
    if not 0 < share < 1:
        raise UserError(f"the share of validation images must be between 0 and 1, not {share:g}; give for example 0.2")


def choose_images(paths: Sequence[Path], share: float, seed: int, where: Path, progress: Progress) -> set[int]:
    """The positions of the images to validate on, as `split_names` chooses them. Raises UserError."""
    inspected = inspect_images(paths, progress, f"compare {where.name}")
    groups = _group_all([image.fingerprint for image in inspected])
    chosen = choose_groups(groups, round(share * len(paths)), seed)
    if not chosen:
        raise UserError(f"{where}: cannot be split: all images are near-duplicates of one; add other images")
    return chosen


def choose_groups(groups: list[list[int]], wanted: int, seed: int) -> set[int]:
    """Choose whole groups at random and return their members, as close to `wanted` in number as possible.

    Never all members, and none only if the groups allow nothing else.
    """
    shuffled = [groups[k] for k in np.random.default_rng(seed).permutation(len(groups))]
    reachable = [1]  # after k groups: bit n is set if some of them have n members together
    for group in shuffled:
        reachable.append(reachable[-1] | reachable[-1] << len(group))
    total = sum(len(group) for group in shuffled)
    number = min((n for n in range(1, total) if reachable[-1] >> n & 1), key=lambda n: abs(n - wanted), default=0)
    chosen: set[int] = set()
    for k in range(len(shuffled) - 1, -1, -1):
        if not reachable[k] >> number & 1:
            chosen.update(shuffled[k])
            number -= len(shuffled[k])
    return chosen


def shortest_names(paths: list[Path]) -> list[str]:
    """Shorten each path to its last parts, as few as identify it, with or without the suffix. Raises UserError."""
    ends: Counter[PurePath] = Counter()
    for path in paths:
        ends.update({end for whole in (path, path.with_suffix("")) for end in _ends(whole)})
    names = []
    for path in paths:
        name = next((end for end in _ends(path) if ends[end] == 1), None)
        if name is None:
            raise UserError(
                f"{path}: annotated twice, or another path ends the same; run `facedet data check` for details"
            )
        names.append(name.as_posix())
    return names


def _ends(path: Path) -> list[PurePath]:
    return [PurePath(*path.parts[-k:]) for k in range(1, len(path.parts) + 1)]


def _group_all(prints: Sequence[Fingerprint | None]) -> list[list[int]]:
    """Groups of near-duplicates; every other image is a group of its own."""
    near = groups_of_near_duplicates(prints)
    grouped = {k for group in near for k in group}
    return near + [[k] for k in range(len(prints)) if k not in grouped]
