"""Draws hostile samples, and counts what becomes of them: clean, refused in one line, or a fault."""

import os
import random
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from facedet.common.errors import UserError

SEED = int(os.environ.get("FACEDET_ATTACK_SEED", "0"))  # another one gives other samples


def random_of(sample: int | str) -> random.Random:
    """The random numbers of a sample, or of all samples of an attack."""
    return random.Random(f"{sample}, seed {SEED}" if SEED else sample)


@dataclass
class Counts:
    """How often an attack ended well, and how it ended otherwise."""

    clean: int = 0
    refused: int = 0
    faults: list[str] = field(default_factory=list)

    @contextmanager
    def sample(self, name: str) -> Iterator[None]:
        """Try one sample. A UserError of one line is a refusal; any other error, also an AssertionError, is a fault."""
        try:
            yield
        except UserError as error:
            if len(str(error).splitlines()) == 1:
                self.refused += 1
            else:
                self.faults.append(f"{name}: refused in several lines: {error}")
        except Exception as error:
            at = traceback.extract_tb(error.__traceback__)[-1]
            self.faults.append(f"{name}: {type(error).__name__}: {error} ({at.filename}:{at.lineno})")
        else:
            self.clean += 1
