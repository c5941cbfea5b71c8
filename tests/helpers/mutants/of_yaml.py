"""Changes of a data.yaml."""

import json
import random

import yaml
from helpers.mutants import of_json
from helpers.mutants.of_bytes import Mutator, bom, crlf, named


def _yaml(change: Mutator) -> Mutator:
    """A change of a JSON, written as YAML."""

    def mutate(rng: random.Random, data: bytes) -> bytes:
        changed = json.loads(change(rng, json.dumps(yaml.safe_load(data)).encode()).decode("utf-8", "replace"))
        style = dict(default_flow_style=rng.choice([None, True, False]), default_style=rng.choice([None, '"', "'"]))
        return yaml.safe_dump(changed, allow_unicode=rng.random() < 0.5, sort_keys=False, **style).encode(
            "utf-8", "replace"
        )

    return named(mutate, change)


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


SAME_YAML = (
    _yaml(of_json.json_change(of_json.reorder)),
    _yaml(of_json.json_change(of_json.unchanged)),
    _yaml(of_json.json_change(of_json.unknown_keys)),
    commented_yaml,
    bom,
    crlf,
)
OTHER_YAML = (
    *map(_yaml, map(of_json.anywhere, (of_json.replace, of_json.delete, of_json.rename, of_json.as_other))),
    alias_yaml,
    deep_yaml,
    tag_yaml,
)
