"""Lists of image names, as people's tools write them."""

from pathlib import Path

import pytest

from facedet.common.errors import UserError
from facedet.data.lists import read_list

NAMES = ["one/a.jpg", "größer.png"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_list_is_read_in_its_encoding(tmp_path: Path, encoding: str, end: str) -> None:
    (tmp_path / "l.txt").write_bytes(end.join([*NAMES, "", ""]).encode(encoding))
    assert read_list(tmp_path / "l.txt") == NAMES


def test_a_list_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "l.txt").write_bytes("\n".join(NAMES).encode("utf-16-le"))
    with pytest.raises(UserError, match="it is not UTF-8; save it as UTF-8"):
        read_list(tmp_path / "l.txt")
