"""Changes of the text files of YOLO and WIDER FACE."""

import random
import re
from collections.abc import Callable

from helpers.mutants.of_bytes import TEXTS, Mutator, bom, crlf, digits, named


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

    return named(mutate, change)


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
