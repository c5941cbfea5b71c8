"""An annotation that is damaged, in whatever way, never makes its image one with fewer faces unnoticed."""

import copy
import json
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from os.path import isfile
from pathlib import Path
from typing import Any

import pytest
from helpers.formats import ANNOTATION, FACES, SIZES, find_file

from facedet.common.errors import UserError
from facedet.data.dataset import DatasetSource, read_dataset
from facedet.data.structures import AnnotatedDataset

pytestmark = pytest.mark.full
VALUES = {
    "null": None,
    "nothing": "",
    "a word": "wide",
    "not a number": "nan",
    "NaN": float("nan"),
    "infinity": float("inf"),
    "true": True,
    "an empty list": [],
    "an empty object": {},
    "a list of null": [None],
    "an object": {"x": 1},
    "a long word": "x" * 5000,
    "a long name": "x" * 5000 + ".jpg",
}
FACES_OF_AN_IMAGE = ("annotations", "shapes", "result", "regions")  # without any, it has none
Damage = Iterator[str]


def nodes(content: Any) -> Iterator[tuple[Any, Any]]:
    """Each value of a JSON as (its container, its key)."""
    pairs = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in list(pairs):
        yield content, key
        yield from nodes(value)


def each_json(text: str, change: Callable[[Any, Any], bool]) -> Damage:
    """The JSON with each value changed. change: of a container and a key; returns whether it changed anything."""
    content = json.loads(text)
    for k in range(sum(1 for _ in nodes(content))):
        damaged = copy.deepcopy(content)
        if change(*list(nodes(damaged))[k]):
            yield json.dumps(damaged)


def replace_json(value: Any) -> Callable[[str], Damage]:
    def change(container: Any, key: Any) -> bool:
        without_faces = key in FACES_OF_AN_IMAGE and not value and isinstance(value, list | dict)
        container[key] = copy.deepcopy(value)
        return not without_faces

    return lambda text: each_json(text, change)


def remove_key(container: Any, key: Any) -> bool:
    image = isinstance(container, dict) and isinstance(container[key], dict) and "filename" in container[key]
    part = isinstance(container, dict) and not image
    if part:
        del container[key]
    return part


def misspell_key(container: Any, key: Any) -> bool:
    if isinstance(container, dict):
        container[f"{key}_"] = container.pop(key)
    return isinstance(container, dict)


def shorten_list(container: Any, key: Any) -> bool:
    scalar = isinstance(container, list) and not isinstance(container[key], dict)
    if scalar:
        del container[key]
    return scalar


def repeat_entry(container: Any, key: Any) -> bool:
    if isinstance(container, list):
        container.insert(key, copy.deepcopy(container[key]))
    return isinstance(container, list)


def wrap(container: Any, key: Any) -> bool:
    container[key] = [container[key]]
    return True


def cut(text: str) -> Damage:
    return (text[:k] for k in range(0, len(text.rstrip()), max(1, len(text) // 40)))


JSON = {
    **{f"{name} in place of each value": replace_json(value) for name, value in VALUES.items()},
    **{
        change.__name__: lambda text, change=change: each_json(text, change)
        for change in (remove_key, misspell_key, shorten_list, repeat_entry, wrap)
    },
    "cut": cut,
}


def each_element(text: str, change: Callable[[ET.Element, ET.Element], bool]) -> Damage:
    """The XML with each element changed. change: of its parent and itself; returns whether it changed anything."""
    count = sum(1 for _ in ET.fromstring(text).iter())
    for k in range(1, count):
        root = ET.fromstring(text)
        parents = {child: parent for parent in root.iter() for child in parent}
        node = list(root.iter())[k]
        if change(parents[node], node):
            yield ET.tostring(root, encoding="unicode")


def each_attribute(text: str, change: Callable[[dict[str, str], str], None]) -> Damage:
    count = [len(node.attrib) for node in ET.fromstring(text).iter()]
    for k, number in enumerate(count):
        for n in range(number):
            root = ET.fromstring(text)
            node = list(root.iter())[k]
            change(node.attrib, list(node.attrib)[n])
            yield ET.tostring(root, encoding="unicode")


def replace_xml(value: str) -> Callable[[str], Damage]:
    def set_text(parent: ET.Element, node: ET.Element) -> bool:
        leaf = not len(node) and node.tag not in ("image", "object")
        node.text = value if leaf else node.text
        return leaf

    def damage(text: str) -> Damage:
        yield from each_element(text, set_text)
        yield from each_attribute(text, lambda attributes, name: attributes.update({name: value}))

    return damage


def misspell_tag(parent: ET.Element, node: ET.Element) -> bool:
    node.tag += "_"
    return True


def remove_leaf(parent: ET.Element, node: ET.Element) -> bool:
    part = not len(node) and node.tag not in ("image", "box")
    if part:
        parent.remove(node)
    return part


def remove_inner(parent: ET.Element, node: ET.Element) -> bool:
    part = node.tag in ("bndbox", "size")
    if part:
        parent.remove(node)
    return part


def repeat_element(parent: ET.Element, node: ET.Element) -> bool:
    parent.append(copy.deepcopy(node))
    return True


def nest(parent: ET.Element, node: ET.Element) -> bool:
    position = list(parent).index(node)
    parent.remove(node)
    wrapper = ET.Element("group")
    wrapper.append(node)
    parent.insert(position, wrapper)
    return True


XML = {
    **{f"{name} in place of each value": replace_xml(str(value)) for name, value in VALUES.items()},
    **{
        change.__name__: lambda text, change=change: each_element(text, change)
        for change in (misspell_tag, remove_leaf, remove_inner, repeat_element, nest)
    },
    "remove_attribute": lambda text: each_attribute(text, lambda attributes, name: attributes.pop(name)),
    "misspell_attribute": lambda text: each_attribute(
        text, lambda attributes, name: attributes.update({f"{name}_": attributes.pop(name)})
    ),
    "cut": cut,
}


def each_word(text: str, change: Callable[[str], str]) -> Damage:
    lines = [line.split() for line in text.splitlines()]
    for k, words in enumerate(lines):
        for n, word in enumerate(words):
            damaged = [*lines[:k], [*words[:n], change(word), *words[n + 1 :]], *lines[k + 1 :]]
            yield "\n".join(" ".join(each) for each in damaged)


def each_line(text: str, change: Callable[[str], str]) -> Damage:
    lines = text.splitlines()
    return ("\n".join([*lines[:k], change(line), *lines[k + 1 :]]) for k, line in enumerate(lines))


def replace_word(value: str) -> Callable[[str], Damage]:
    return lambda text: each_word(text, lambda word: value)


ROWS = {
    **{f"{name} in place of each word": replace_word(str(value)) for name, value in VALUES.items()},
    "remove each word": lambda text: each_word(text, lambda word: ""),
    "repeat each word": lambda text: each_word(text, lambda word: f"{word} {word}"),
    "decimal commas": lambda text: each_word(text, lambda word: word.replace(".", ",") if word[0].isdigit() else "x"),
    "no spaces": lambda text: each_line(text, lambda line: line.strip().replace(" ", "_")),
    "semicolons": lambda text: each_line(text, lambda line: line.strip().replace(" ", ";") + ";"),
    "half a line": lambda text: each_line(text, lambda line: line[: len(line) // 2].rpartition(" ")[0] or "x"),
    "two extra columns": lambda text: each_line(text, lambda line: f"{line} 0.9 0.9"),
    "an extra column": lambda text: each_line(text, lambda line: f"{line} 0.5"),
    "a word after each line": lambda text: each_line(text, lambda line: f"{line} face"),
    "repeat each line": lambda text: each_line(text, lambda line: f"{line}\n{line}"),
    "a line of words": lambda text: each_line(text, lambda line: f"{line}\nfoo bar"),
}
DAMAGES = {".json": JSON, ".xml": XML, ".txt": ROWS}
CASES = [(format, damage) for format, file in ANNOTATION.items() for damage in DAMAGES[Path(file).suffix]]


def boxes_of(dataset: AnnotatedDataset) -> dict[str, set[tuple]]:
    return {p.path.name: {tuple(map(round, box)) for box in p.boxes.tolist()} for p in dataset.photos}


def violations(source: DatasetSource, file: Path) -> Iterator[str]:
    """What of a damaged dataset is used although it should not, or left out without a word."""
    try:
        dataset = read_dataset(source)
    except UserError:
        return
    named = {loss.file.name for loss in dataset.losses}
    unknown = any(not isfile(loss.file) for loss in dataset.losses)  # the name of the image is damaged
    for name, used in boxes_of(dataset).items():
        expected = {(x, y, x + w, y + h) for x, y, w, h, _ in FACES[name]}
        if used - expected:
            yield f"{name} is used with other boxes: {used}"
        if expected - used and not named & {name, file.name}:
            yield f"{name} is used without {expected - used}"
    for name in SIZES.keys() - boxes_of(dataset).keys():
        if not named & {name, file.name} and not unknown:
            yield f"{name} is left out without a loss"


@pytest.mark.parametrize(("format", "damage"), CASES)
def test_a_damaged_annotation_is_never_used_in_part(format: str, damage: str, made: Callable) -> None:
    source = DatasetSource(made(format), format=format, allow_losses=True)
    file = find_file(source.path, ANNOTATION[format])
    text, found = file.read_text(), []
    for damaged in DAMAGES[file.suffix][damage](text):
        file.write_text(damaged)
        found += [f"{violation}: {difference(text, damaged)}" for violation in violations(source, file)]
    assert not found, "\n".join(found)


def difference(text: str, damaged: str) -> str:
    """The damaged place."""
    if text.startswith(("{", "[")):
        text = json.dumps(json.loads(text))
    start = next((k for k, (a, b) in enumerate(zip(text, damaged, strict=False)) if a != b), len(damaged))
    return damaged[max(0, start - 60) : start + 40]
