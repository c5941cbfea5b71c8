"""2,000 damaged model files: refused in one line, or they compute what they did before the damage.

Two fifths are written anew with the same function: they must open. A structure that was changed is another model: it
has to run, or be refused.
"""

import tempfile
from functools import partial
from pathlib import Path

from helpers.apart import try_apart
from helpers.attack import Counts, random_of
from helpers.attacked import Attacked, build, try_model
from helpers.damage import damaged
from helpers.once import Once

COUNT = 2000


def attempt(models: Attacked, name: str) -> None:
    rng = random_of(int(name))
    with tempfile.TemporaryDirectory() as folder:
        original = rng.choice(models.files)
        path, may = damaged(rng, original, Path(folder))
        try_model(path, original, may, imports=int(name) % 3 == 0)


def test_damaged_models(share: float, counts: Counts, once: Once) -> None:
    models = once("attacked", build)
    try_apart(counts, partial(attempt, models), [str(k) for k in range(round(COUNT * share))])
    assert counts.refused >= COUNT * share / 4  # or else the damage would be harmless
    assert counts.clean >= COUNT * share / 4  # or else everything would be refused
