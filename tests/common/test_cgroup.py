"""Limits of control groups, read from files made here."""

import math
from pathlib import Path

import pytest

from facedet.common.cgroup import limits

UNLIMITED = "9223372036854771712"  # what version 1 says
IN_V2 = "0::/slice/own\n"
IN_V1 = "5:memory:/slice/own\n4:cpu,cpuacct:/slice/own\n1:name=systemd:/\n0::/\n"


@pytest.mark.parametrize(
    ("own", "files", "expected"),
    [
        (
            IN_V2,
            {"cpu.max": "400000 100000", "memory.max": "max"},
            (4, math.inf),
        ),  # a container sees its own at the top
        (IN_V2, {"slice/own/cpu.max": "max 100000", "slice/cpu.max": "150000 100000"}, (1.5, math.inf)),
        (IN_V2, {"slice/memory.max": "1000", "slice/own/memory.max": "2000"}, (math.inf, 1000)),
        (IN_V2, {"other/cpu.max": "100000 100000", "other/memory.max": "1000"}, (math.inf, math.inf)),
        (IN_V1, {"cpu/cpu.cfs_quota_us": "200000", "cpu/cpu.cfs_period_us": "100000"}, (2, math.inf)),
        (IN_V1, {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, (math.inf, math.inf)),
        (
            IN_V1,
            {
                "cpu/slice/own/cpu.cfs_quota_us": "50000",
                "cpu/slice/own/cpu.cfs_period_us": "100000",
                "memory/memory.limit_in_bytes": UNLIMITED,
                "memory/slice/own/memory.limit_in_bytes": "4096",
            },
            (0.5, 4096),
        ),
        ("", {"cpu.max": "100000 100000"}, (math.inf, math.inf)),
    ],
)
def test_the_smallest_limit_of_the_own_groups_counts(
    own: str, files: dict[str, str], expected: tuple[float, float], tmp_path: Path
) -> None:
    for name, text in files.items():
        (tmp_path / "mount" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mount" / name).write_text(f"{text}\n")
    (tmp_path / "own").write_text(own)
    found = limits(tmp_path / "mount", tmp_path / "own")
    assert (found.cores, found.memory) == expected


def test_a_system_without_groups_has_no_limits(tmp_path: Path) -> None:
    assert limits(tmp_path / "mount", tmp_path / "own").cores == math.inf
