"""The whole attack: broken downloads, hostile networks, damaged models and annotations, collisions, kills, threads.

    python bench/attack.py

Runs tests/attack at full size and writes bench/results/attack.json: of each attack how many samples were clean (read
or written as they should), refused in one line, or a fault. Exit code 1 if there is a fault.
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
def main() -> None:
    """Run the attack and write the counts."""
    with tempfile.TemporaryDirectory() as folder:
        pytest = [sys.executable, "-m", "pytest", "-n", "2", "-m", "attack", str(ROOT / "tests" / "attack")]
        ended = subprocess.run(pytest, env=os.environ | {"FACEDET_ATTACK_COUNTS": folder}, cwd=ROOT)
        counts = {path.stem: json.loads(path.read_text()) for path in sorted(Path(folder).iterdir())}
    RESULT.write_text(
        json.dumps({"date": str(date.today()), "version": version("face-detection-0206"), "attacks": counts}, indent=2)
        + "\n"
    )
    for name, each in counts.items():
        click.echo(f"{name:32} {each['clean']:6} clean {each['refused']:6} refused {len(each['faults']):4} faults")
    sys.exit(ended.returncode)


if __name__ == "__main__":
    main()
