"""Whether an export is as it was written: it ends in a seal, the digests of its files.

The seal stands where other programs do not see it, and a program that writes the model anew drops it: a comment in an
IR; in an ONNX file an earlier value of its description, which protobuf replaces by the last one. So a file whose seal
does not fit was damaged or edited, or lies beside the .bin of another one.
"""

import hashlib
import re
from pathlib import Path

from facedet.common.errors import UserError
from facedet.common.files import sha256

_TEXT = rb"facedet (\d+) ([0-9a-f]{64}) ([0-9a-f]{64})"  # length of what is before the seal, its digest, the .bin's
_IR, _ONNX = re.compile(rb"<!-- %s -->" % _TEXT), re.compile(rb"\x32.\x01%s\x32\x00" % _TEXT, re.DOTALL)
# of a seal that was damaged too, where nobody else writes such a thing
_PART_IR = re.compile(rb"</net>\s*<!-- (facedet \d|.*[0-9a-f]{16} [0-9a-f]{16})", re.DOTALL)
_PART_ONNX = re.compile(rb"\x32.\x01facedet \d|\x32\x00\Z", re.DOTALL)
_NO_WEIGHTS = "0" * 64
_END = 400  # bytes at the end of a file that hold the seal


def seal(model: Path, weights: Path | None = None) -> None:
    """Append the seal. weights: the .bin of an IR; without it, `model` is an ONNX file."""
    content = model.read_bytes()
    digests = hashlib.sha256(content).hexdigest(), sha256(weights) if weights else _NO_WEIGHTS
    text = f"facedet {len(content)} {' '.join(digests)}".encode()
    # field 6, a text: its length in two bytes of seven bits, and then the empty one that is read
    twice = b"\x32%c%c%s\x32\x00" % (len(text) & 127 | 128, len(text) >> 7, text)
    with model.open("ab") as file:
        file.write(b"<!-- %s -->\n" % text if weights else twice)


def check_seal(path: Path) -> None:
    """Raise UserError if an IR or ONNX file was damaged since it was written, or the .bin belongs to another IR."""
    content, is_ir = path.read_bytes(), path.suffix == ".xml"
    end = content[-_END:]
    found, part = (_IR.search(end), _PART_IR) if is_ir else (_ONNX.search(end), _PART_ONNX)
    damaged = f"{path}: damaged, or edited, since it was written; copy it again, or export again"
    if found is None:
        if part.search(end):
            raise UserError(damaged)
        return
    length, digest, weights = (group.decode() for group in found.groups())
    own = content[: len(content) - len(end) + found.start()]
    edited = is_ir and len(own) != int(length)  # in a text editor
    if not edited and hashlib.sha256(own).hexdigest() != digest:
        raise UserError(damaged)
    if is_ir and sha256(path.with_suffix(".bin")) != weights:
        name = path.with_suffix(".bin").name
        raise UserError(f"{path}: {name} is damaged, or was not written with it; copy both again, or export again")
