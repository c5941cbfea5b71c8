"""Changes of any file: in its bytes, and what those of several kinds share."""

import random
import re
from collections.abc import Callable

Mutator = Callable[[random.Random, bytes], bytes]
ODD = ("", "x", "1", " 12 ", "1_0", "１２")  # in place of a number or a word
TEXTS = (
    *ODD,
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


def named(mutate: Mutator, change: Callable) -> Mutator:
    mutate.__name__ = change.__name__
    return mutate


def digits(rng: random.Random, data: bytes) -> bytes:
    at = rng.choice(list(re.finditer(rb"\d+", data)))
    return data[: at.start()] + b"1" * rng.choice([20, 401, 5000]) + data[at.end() :]


def bom(rng: random.Random, data: bytes) -> bytes:
    return b"\xef\xbb\xbf" + data


def crlf(rng: random.Random, data: bytes) -> bytes:
    return data.replace(b"\n", b"\r\n")


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
