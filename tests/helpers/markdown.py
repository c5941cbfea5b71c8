"""The commands of the README and of the docs' pages, and how a test runs them."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
README = ROOT / "README.md"
PAGES = sorted((ROOT / "docs").glob("*.md"))
FULL_MODEL = ("importing",)  # pages whose commands need the published model's stand-in
ONE_EPOCH = "--epochs 1"  # stands for the config's forty, where a page does not judge the result


@dataclass(frozen=True)
class Block:
    """A fenced block.

    info: the words after its language: `download` if it needs the network, `exit=N TEXT` if it exits with N and prints
    TEXT.
    """

    language: str
    info: str
    text: str

    @property
    def commands(self) -> list[str]:
        """The lines, continued lines joined, comments removed."""
        lines = re.sub(r"\s+#.*", "", self.text.replace("\\\n", " ")).splitlines()
        return [line.strip() for line in lines if line.strip()]


def blocks(page: Path, section: str = "") -> list[Block]:
    """The sh and python blocks of a page, or of the section under a second-level heading."""
    text = page.read_text(encoding="utf-8")
    if section:
        text = text.split(f"\n## {section}\n")[1].split("\n## ")[0]
    found = re.findall(r"^```(sh|python) ?(.*)\n((?:.*\n)*?)```$", text, flags=re.MULTILINE)
    return [Block(*each) for each in found]


def run(block: Block, folder: Path, training: str = "") -> str:
    """Run a block in a folder; returns what it printed. training: options added to every `facedet train`."""
    if block.language == "python":
        command = [sys.executable, "-c", block.text]
    else:
        command = ["bash", "-e", "-c", re.sub(r"\bfacedet train\b", rf"\g<0> {training}", block.text)]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    # with all cores, as a user runs it: most of the time, these are the last tests that run
    own = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    environment = {**own, "PATH": path}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    info = block.info if block.info.startswith("exit=") else "exit=0"
    code, _, message = info.removeprefix("exit=").partition(" ")
    report = f"{block.text}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    assert done.returncode == int(code), report
    assert message in done.stdout + done.stderr, report
    assert "Traceback" not in done.stderr, report
    return done.stdout


def link_some(faces: Path, folder: Path, **counts: int) -> None:
    """A dataset of the first images of each list."""
    for name in ("images", "annotations"):
        (folder / name).mkdir(parents=True)
    for which, count in counts.items():
        names = (faces / f"{which}.txt").read_text().split()[:count]
        (folder / f"{which}.txt").write_text("\n".join(names))
        for path in (path for name in names for path in faces.glob(f"*/{name}.*")):
            (folder / path.relative_to(faces)).symlink_to(path)
