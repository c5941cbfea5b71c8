"""The two files of an IR: whether they are what they seem, before OpenVINO reads them."""

import xml.etree.ElementTree as ET
from pathlib import Path

from facedet.common.errors import UserError, first_line
from facedet.weights.graph_facts import LOOPS, MOST_OPERATIONS
from facedet.weights.names import check_file

_LARGEST = 64 << 20  # bytes of an .xml; the full model has 2 MB


def check_ir(path: Path) -> None:
    """Raise UserError unless `path` (.xml) holds a graph, and its .bin is a file.

    OpenVINO tries its other readers on a file that it does not recognise, and some read more than data.
    """
    check_file(path)
    if path.stat().st_size > _LARGEST:
        raise UserError(f"{path}: has {path.stat().st_size >> 20} MB; the graph of a detector has at most 64 MB")
    try:
        root = ET.fromstring(path.read_bytes())
    except (ET.ParseError, ValueError, LookupError) as error:  # ValueError, LookupError: its encoding is unknown
        raise UserError(f"{path}: not an IR: it cannot be read by OpenVINO ({first_line(error)})") from error
    if root.tag != "net":
        raise UserError(f"{path}: not an IR: its first element is {ascii(root.tag)[:60]}, not 'net'")
    kinds = [layer.get("type", "") for layer in root.iter("layer")]
    if loops := LOOPS & set(kinds):
        raise UserError(f"{path}: contains {min(loops)}, which may never end; give a detector without loops")
    if len(kinds) > MOST_OPERATIONS:
        raise UserError(f"{path}: has more than {MOST_OPERATIONS} operations; give a detector")
