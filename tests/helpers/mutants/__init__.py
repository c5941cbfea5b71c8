"""Changes an annotation file at random: so that it says the same, in its structure, or in its bytes."""

import random
from pathlib import Path

from helpers.mutants.of_bytes import BYTES, Mutator
from helpers.mutants.of_json import OTHER_JSON, SAME_JSON
from helpers.mutants.of_rows import OTHER_ROWS, SAME_ROWS
from helpers.mutants.of_xml import OTHER_XML, SAME_XML
from helpers.mutants.of_yaml import OTHER_YAML, SAME_YAML

KINDS: dict[str, tuple[tuple[Mutator, ...], tuple[Mutator, ...]]] = {
    ".json": (SAME_JSON, OTHER_JSON),
    ".xml": (SAME_XML, OTHER_XML),
    ".txt": (SAME_ROWS, OTHER_ROWS),
    ".yaml": (SAME_YAML, OTHER_YAML),
}


def mutant(rng: random.Random, file: Path, data: bytes) -> tuple[str, bytes, bool]:
    """The name of a change, the changed file, and whether it says the same."""
    same, other = KINDS[file.suffix]
    kept = rng.random() < 0.4
    change = rng.choice(same if kept else other if rng.random() < 0.6 else BYTES)
    return change.__name__, change(rng, data), kept
