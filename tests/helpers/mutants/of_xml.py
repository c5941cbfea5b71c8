"""Changes of an XML."""

import copy
import random
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable

from helpers.mutants.of_bytes import TEXTS, Mutator, bom, crlf, digits, named
from helpers.mutants.of_json import unchanged


def _xml(change: Callable[[random.Random, ET.Element], None]) -> Mutator:
    def mutate(rng: random.Random, data: bytes) -> bytes:
        root = ET.fromstring(data)
        change(rng, root)
        return ET.tostring(root, rng.choice(["utf-8", "utf-16", "latin-1", "us-ascii"]), xml_declaration=True)

    return named(mutate, change)


def _inner(rng: random.Random, root: ET.Element) -> tuple[ET.Element, ET.Element]:
    return rng.choice([(parent, child) for parent in root.iter() for child in parent])


def reorder_xml(rng: random.Random, root: ET.Element) -> None:
    for node in root.iter():
        rng.shuffle(children := list(node))
        node[:] = children
        rng.shuffle(items := list(node.attrib.items()))
        node.attrib.clear()
        node.attrib.update(items)


def unknown_attributes(rng: random.Random, root: ET.Element) -> None:
    for node in root.iter():
        if rng.random() < 0.3:
            node.set(f"extra{rng.randrange(9)}", rng.choice(["1", "", "a.jpg", "é<&"]))


def spaced_xml(rng: random.Random, data: bytes) -> bytes:
    return re.sub(rb">(?=<[a-z/])", lambda _: rng.choice([b">", b">\n", b">\t<!-- a <box> -->", b"><?pi box?>"]), data)


def references_xml(rng: random.Random, data: bytes) -> bytes:
    return re.sub(
        rb"\d(?=[\d.\"<])",
        lambda m: b"&#%d;" % m[0][0] if rng.random() < 0.2 else m[0],
        data.partition(b"?>")[2] or data,
    )


def _text_xml(rng: random.Random, root: ET.Element) -> None:
    node = rng.choice(list(root.iter()))
    if node.attrib and rng.random() < 0.7:
        node.set(rng.choice(list(node.attrib)), rng.choice(TEXTS))
    elif not len(node):
        node.text = rng.choice(TEXTS)


def _move_xml(rng: random.Random, root: ET.Element) -> None:
    places = [(node, key) for node in root.iter() for key in node.attrib if key in ("xtl", "ytl", "xbr", "ybr")]
    leaves = [node for node in root.iter() if node.tag in ("xmin", "ymin", "xmax", "ymax")]
    shift = rng.choice([-3, -1, 1, 2, 5, 0.25])
    if leaves:
        node = rng.choice(leaves)
        node.text = str(float(node.text or 0) + shift)
    else:
        node, key = rng.choice(places)
        node.set(key, str(float(node.attrib[key]) + shift))


def _delete_xml(rng: random.Random, root: ET.Element) -> None:
    parent, child = _inner(rng, root)
    parent.remove(child)


def _repeat_xml(rng: random.Random, root: ET.Element) -> None:
    (_, child), (other, _) = _inner(rng, root), _inner(rng, root)
    other.insert(rng.randint(0, len(other)), again := copy.deepcopy(child))
    if not len(again) and again.text and rng.random() < 0.5:
        again.text = rng.choice(TEXTS)


def _rename_xml(rng: random.Random, root: ET.Element) -> None:
    node = rng.choice(list(root.iter()))
    if node.attrib and rng.random() < 0.5:
        node.set(f"{(key := rng.choice(list(node.attrib)))}_", node.attrib.pop(key))
    else:
        node.tag += "_"


def _nest_xml(rng: random.Random, root: ET.Element) -> None:
    parent, child = _inner(rng, root)
    position = list(parent).index(child)
    wrapper = ET.Element(rng.choice(["group", "box", "image", "object"]))
    wrapper.append(child)
    parent[position] = wrapper


def _bomb_xml(rng: random.Random, data: bytes) -> bytes:
    body = data.partition(b"?>")[2] or data
    entities = b"".join(b'<!ENTITY e%d "%s">' % (k + 1, b"&e%d;" % k * 10) for k in range(9))
    name = b'<!ENTITY e0 "1111111111">' + entities + rng.choice([b"", b'<!ENTITY x SYSTEM "file:///etc/hostname">'])
    return (
        b"<!DOCTYPE a ["
        + name
        + b"]>"
        + re.sub(rb"(?<=[\">])\d+", rng.choice([b"&e9;", b"&e0;", b"&x;"]), body, count=1)
    )


def deep_xml(rng: random.Random, data: bytes) -> bytes:
    level = rng.choice([50, 900, 20000])
    return re.sub(rb"<(box|object)", lambda m: b"<a>" * level + b"</a>" * level + m[0], data, count=1)


SAME_XML = (_xml(reorder_xml), _xml(unknown_attributes), _xml(unchanged), spaced_xml, references_xml, bom, crlf)
OTHER_XML = (
    *map(_xml, (_text_xml, _move_xml, _move_xml, _delete_xml, _repeat_xml, _rename_xml, _nest_xml)),
    *(_bomb_xml, deep_xml, digits),
)
