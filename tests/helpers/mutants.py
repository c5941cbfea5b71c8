"""Changes an annotation file at random: so that it says the same, in its structure, or in its bytes."""

import copy
import json
import random
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

Mutator = Callable[[random.Random, bytes], bytes]
EXTREME = (0, -1, -0.0, 1e-320, 1e308, -1e308, 2**31, 2**63, 10**400, float("nan"), float("inf"), 0.5, 99999)
FOREIGN = (
    None,
    True,
    False,
    "",
    "x",
    "1",
    " 12 ",
    "1_0",
    "１２",
    "0x10",
    [],
    {},
    [1],
    [[]],
    {"x": 1},
    "\ud800",
    "\x1b[2J\n",
    "a\0b",
)
TEXTS = (
    "",
    "x",
    "1",
    " 12 ",
    "1_0",
    "１２",
    "nan",
    "inf",
    "1e400",
    "-5",
    "0.5",
    "9" * 401,
    "1,5",
    "true",
    "\u2028",
    "0x10",
)


def nodes(content: Any) -> Iterator[tuple[Any, Any]]:
    """Each value of a JSON as its container and its key."""
    pairs = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in list(pairs):
        yield content, key
        yield from nodes(value)


def _write(rng: random.Random, content: Any, exact: bool = False) -> bytes:
    text = json.dumps(content, indent=rng.choice([None, 1, "\t"]), ensure_ascii=exact or rng.random() < 0.5)
    return text.encode("utf-8", "surrogatepass" if rng.random() < 0.5 else "replace")


def _json(change: Callable[[random.Random, Any], None]) -> Mutator:
    def mutate(rng: random.Random, data: bytes) -> bytes:
        content = json.loads(data)
        change(rng, content)
        return _write(rng, content)

    return _named(mutate, change)


def _anywhere(change: Callable[[random.Random, Any, Any], None]) -> Mutator:
    return _named(_json(lambda rng, content: change(rng, *rng.choice(list(nodes(content))))), change)


def _named(mutate: Mutator, change: Callable) -> Mutator:
    mutate.__name__ = change.__name__
    return mutate


def unchanged(rng: random.Random, content: Any) -> None:
    """Written anew, and so with other spaces, escapes or encoding."""


def reorder(rng: random.Random, content: Any) -> None:
    for container, key in [*nodes(content), ({"": content}, "")]:
        value = container[key]
        if isinstance(value, dict):
            items = list(value.items())
            rng.shuffle(items)
            value.clear()
            value.update(items)
        elif isinstance(value, list) and all(isinstance(each, dict) for each in value):
            rng.shuffle(value)


def unknown_keys(rng: random.Random, content: Any) -> None:
    objects = [container[key] for container, key in nodes(content) if isinstance(container[key], dict)]
    for each in rng.sample(objects, rng.randint(0, len(objects))):
        if not any("filename" in value for value in each.values() if isinstance(value, dict)):  # VIA's table of files
            each[f"extra_{rng.randrange(99)}"] = rng.choice([None, 1, 2.5, True, "text", [1, 2]])


def as_floats(rng: random.Random, content: Any) -> None:
    for container, key in list(nodes(content)):
        if type(container[key]) is int and key not in ("id", "image_id", "category_id", "label_id", "group_id"):
            container[key] = float(container[key])


def move_number(rng: random.Random, content: Any) -> None:
    numbers = [(c, k) for c, k in nodes(content) if type(c[k]) in (int, float)]
    container, key = rng.choice(numbers)
    container[key] += rng.choice([-3, -1, 1, 2, 5, 0.25])


def _replace(rng: random.Random, container: Any, key: Any, values: tuple = FOREIGN + EXTREME) -> None:
    container[key] = copy.deepcopy(rng.choice(values))


def _extreme(rng: random.Random, content: Any) -> None:
    _replace(rng, *rng.choice([(c, k) for c, k in nodes(content) if type(c[k]) in (int, float)]), EXTREME)


def _delete(rng: random.Random, container: Any, key: Any) -> None:
    del container[key]


def _rename(rng: random.Random, container: Any, key: Any) -> None:
    if isinstance(container, dict):
        container[f"{key}_"] = container.pop(key)


def _repeat(rng: random.Random, container: Any, key: Any) -> None:
    if isinstance(container, list):
        container.insert(rng.randint(0, len(container)), copy.deepcopy(container[key]))


def _as_other(rng: random.Random, container: Any, key: Any) -> None:
    value = container[key]
    container[key] = rng.choice([str(value), [value], {"0": value}])


def _swap(rng: random.Random, content: Any) -> None:
    (a, k), (b, m) = rng.sample(list(nodes(content)), 2)
    first, second = copy.deepcopy(a[k]), copy.deepcopy(b[m])
    a[k] = second
    if m in (b if isinstance(b, dict) else range(len(b))):
        b[m] = first


def deep(rng: random.Random, data: bytes) -> bytes:
    level = rng.choice([100, 900, 5000])
    return re.sub(rb"\d+", b"[" * level + b"]" * level, data, count=1)


def key_twice(rng: random.Random, data: bytes) -> bytes:
    keys = list(re.finditer(rb'"(\w+)"\s*:', data))
    return (
        data[: (at := rng.choice(keys)).start()]
        + at[0]
        + b" "
        + rng.choice([b"[]", b"0", b"null"])
        + b", "
        + data[at.start() :]
    )


def digits(rng: random.Random, data: bytes) -> bytes:
    at = rng.choice(list(re.finditer(rb"\d+", data)))
    return data[: at.start()] + b"1" * rng.choice([20, 401, 5000]) + data[at.end() :]


def bom(rng: random.Random, data: bytes) -> bytes:
    return b"\xef\xbb\xbf" + data


def crlf(rng: random.Random, data: bytes) -> bytes:
    return data.replace(b"\n", b"\r\n")


SAME_JSON = (_json(reorder), _json(unknown_keys), _json(as_floats), _json(unchanged), bom, crlf)
OTHER_JSON = (
    *(_json(move_number), _json(move_number), _json(_extreme), _json(_swap), deep, key_twice, digits),
    *map(_anywhere, (_replace, _delete, _rename, _repeat, _as_other)),
)


def _xml(change: Callable[[random.Random, ET.Element], None]) -> Mutator:
    def mutate(rng: random.Random, data: bytes) -> bytes:
        root = ET.fromstring(data)
        change(rng, root)
        return ET.tostring(root, rng.choice(["utf-8", "utf-16", "latin-1", "us-ascii"]), xml_declaration=True)

    return _named(mutate, change)


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


def spaced_rows(rng: random.Random, data: bytes) -> bytes:
    return re.sub(rb"(?<=[\d.]) (?=[\d.])", lambda _: rng.choice([b" ", b"  ", b"\t"]), data)


def blank_rows(rng: random.Random, data: bytes) -> bytes:
    return re.sub(rb"\n", lambda _: rng.choice([b"\n", b"\n\n", b"  \n", b"\r\n"]), data)


def rewritten_numbers(rng: random.Random, data: bytes) -> bytes:
    def other(match: re.Match) -> bytes:
        value = float(match[0])
        return rng.choice([f"{value!r}", f"{value:.15e}", f"+{value!r}", f"{value:.17f}"]).encode()

    return re.sub(rb"(?<= )\d+\.?\d*(?=[ \n])", other, data)


def _rows(change: Callable[[random.Random, list[bytes]], None]) -> Mutator:
    def mutate(rng: random.Random, data: bytes) -> bytes:
        lines = data.split(b"\n")
        change(rng, lines)
        return b"\n".join(lines)

    return _named(mutate, change)


def _word(rng: random.Random, lines: list[bytes]) -> None:
    k = rng.randrange(len(lines))
    words = lines[k].split() or [b""]
    n = rng.randrange(len(words))
    words[n : n + 1] = rng.choice([[], [words[n]] * 2, [rng.choice(TEXTS).encode()], [words[n].replace(b".", b",")]])
    lines[k] = b" ".join(words)


def _move_word(rng: random.Random, lines: list[bytes]) -> None:
    k = rng.choice([k for k, line in enumerate(lines) if line.count(b" ") > 3])
    words = lines[k].split()
    n = rng.randint(1, 4)
    words[n] = repr(float(words[n]) + rng.choice([-0.05, 0.05, 0.125, 1])).encode()
    lines[k] = b" ".join(words)


def _delete_line(rng: random.Random, lines: list[bytes]) -> None:
    del lines[rng.randrange(len(lines))]


def _repeat_line(rng: random.Random, lines: list[bytes]) -> None:
    lines.insert(rng.randrange(len(lines)), rng.choice(lines))


def reorder_rows(rng: random.Random, data: bytes) -> bytes:
    """Shuffle the faces of YOLO, or the images of WIDER FACE."""
    blocks = re.findall(rb"\S+\.(?:jpg|png)\n(?:[ \d]+\n)+", data) or data.splitlines(keepends=True)
    rng.shuffle(blocks)
    return b"".join(blocks)


SAME_ROWS = (reorder_rows, spaced_rows, blank_rows, rewritten_numbers, bom, crlf)
OTHER_ROWS = (*map(_rows, (_word, _word, _move_word, _move_word, _delete_line, _repeat_line)), digits)


def flip(rng: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 8])):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def set_byte(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + rng.choice([b"0", b"9", b"-", b"e", b"_", b" ", b"\n", b"\0", b"\xff", b'"']) + data[at + 1 :]


def cut(rng: random.Random, data: bytes) -> bytes:
    return data[: rng.randrange(len(data))]


def cut_out(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + data[at + rng.choice([1, 2, 5, 50]) :]


def insert(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data))
    return (
        data[:at]
        + rng.choice([b"\0", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"1", b"_", rng.randbytes(8), b"\r", b"\x85"])
        + data[at:]
    )


def repeat_block(rng: random.Random, data: bytes) -> bytes:
    at, size = rng.randrange(len(data)), rng.choice([1, 4, 40, 400])
    return data[: at + size] + data[at : at + size] + data[at + size :]


BYTES = (flip, set_byte, cut, cut_out, insert, repeat_block)


def _yaml(change: Mutator) -> Mutator:
    """A change of a JSON, written as YAML."""

    def mutate(rng: random.Random, data: bytes) -> bytes:
        changed = json.loads(change(rng, json.dumps(yaml.safe_load(data)).encode()).decode("utf-8", "replace"))
        style = dict(default_flow_style=rng.choice([None, True, False]), default_style=rng.choice([None, '"', "'"]))
        return yaml.safe_dump(changed, allow_unicode=rng.random() < 0.5, sort_keys=False, **style).encode(
            "utf-8", "replace"
        )

    return _named(mutate, change)


def commented_yaml(rng: random.Random, data: bytes) -> bytes:
    return b"# train: a comment\n---\n" + data.replace(b"\n", b"  # one\n\n")


def alias_yaml(rng: random.Random, data: bytes) -> bytes:
    lists = b"a: &a [x, x, x, x, x, x, x, x, x]\n"
    for k in range(98, 98 + rng.choice([1, 8])):
        lists += b"%c: &%c [%s]\n" % (k, k, b", ".join([b"*%c" % (k - 1)] * 9))
    return lists + data.replace(b"[mask, face]", b"*b")


def deep_yaml(rng: random.Random, data: bytes) -> bytes:
    level = rng.choice([60, 900, 9000])
    return data + b"more: " + b"[" * level + b"]" * level + b"\n"


def tag_yaml(rng: random.Random, data: bytes) -> bytes:
    tag = rng.choice(
        [b"!!int x", b"!!timestamp x", b"!!bool x", b"!!python/object:os.system x", b"2024-13-45", b"!!binary x"]
    )
    return data + b"more: " + tag + b"\n"


SAME_YAML = (_yaml(_json(reorder)), _yaml(_json(unchanged)), _yaml(_json(unknown_keys)), commented_yaml, bom, crlf)
OTHER_YAML = (*map(_yaml, map(_anywhere, (_replace, _delete, _rename, _as_other))), alias_yaml, deep_yaml, tag_yaml)
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
