"""The whole attack: broken downloads, hostile networks, damaged models and annotations, collisions, kills, threads.

    python bench/attack.py [NAME ...] [--seed 1]    # about 25 minutes on two cores

Runs tests/attack at full size, or only those tests whose names contain a NAME, and writes into
bench/results/attack.json, of each of them: how many samples were clean (read or written as they should), refused in one
line, or a fault, when, and in which version. Another seed than 0 tries other samples, and writes nothing. Exit code 1
if there is a fault.
"""

import json
import os
import subprocess
import sys
import tempfile
from datetime import date
from importlib.metadata import version
from pathlib import Path

import click

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "bench" / "results" / "attack.json"


@click.command()
@click.argument("names", nargs=-1)
@click.option("--seed", default=0, help="Of the samples.")
def main(names: tuple[str, ...], seed: int) -> None:
    """Run the attack and write the counts."""
    chosen = ["-k", " or ".join(names)] if names else []
    with tempfile.TemporaryDirectory() as folder:
        pytest = [sys.executable, "-m", "pytest", "-n", "2", "-m", "attack", *chosen, str(ROOT / "tests" / "attack")]
        environment = os.environ | {"FACEDET_ATTACK_COUNTS": folder, "FACEDET_ATTACK_SEED": str(seed)}
        ended = subprocess.run(pytest, env=environment, cwd=ROOT)
        counts = {path.stem: json.loads(path.read_text()) for path in sorted(Path(folder).iterdir())}
    if seed == 0:
        store(counts)
    for name, each in counts.items():
        click.echo(f"{name:32} {each['clean']:6} clean {each['refused']:6} refused {len(each['faults']):4} faults")
    sys.exit(ended.returncode)


def store(counts: dict[str, dict]) -> None:
    """Write the counts, each with date, version and commit; those of other attacks stay."""
    known = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    git = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(git, capture_output=True, text=True).stdout.strip()
    run = {"date": str(date.today()), "version": version("face-detection-0206"), "commit": commit}
    merged = known | {name: run | each for name, each in counts.items()}
    RESULT.write_text(json.dumps(dict(sorted(merged.items())), indent=2) + "\n")


if __name__ == "__main__":
    main()
