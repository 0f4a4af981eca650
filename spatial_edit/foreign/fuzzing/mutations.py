"""Seeded damage to files: what a broken download, a broken disk or an attacker may make of a checkpoint."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator
from random import Random

import torch
from torch import Tensor

from spatial_edit.foreign.content import ForeignError, Record
from spatial_edit.foreign.fuzzing.specimens import zipped
from spatial_edit.foreign.reading.budget import Budget
from spatial_edit.foreign.reading.opcodes import OPCODES

CHANGES = (1, 1, 1, 2, 2, 3, 4, 6)  # to one file: often few, so that it still reads for a while
# Numbers that overflow, wrap or ask for everything.
EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 2**48, 2**63 - 1, 2**64 - 1)
CODES = (*OPCODES, ord("."))
LENGTHS = b"XBTU\x8c\x8d\x8eC\x8a\x8b\x95\x96jrhqM"  # opcodes that a length or a number follows
PLAIN = b"N\x88\x89)]}\x8f"  # opcodes of values without parts
NUMBERED = b"Khq"  # opcodes with a number of one byte
# Calls that would leave a trace if anything of a file were ever run.
CALLS = (
    b"cos\nsystem\n(S'touch executed'\ntR",
    b"cbuiltins\nexec\n(S'import antigravity'\ntR",
    b"cbuiltins\n__import__\n(S'this'\ntR",
    b"c__builtin__\neval\n(S'1/0'\ntR",
    b"cspatial_edit.foreign.fuzzing.fuzz\nfuzz\n(tR",
    b"ccollections\nOrderedDict.__init__.__globals__\n",
    b"ctorch\nload\n(S'executed'\ntR",
    b"ccopyreg\n_reconstructor\n(cbuiltins\nobject\ncbuiltins\nobject\nNtR",
    b"ctorch._utils\n_rebuild_parameter\n}S'__defaults__'\nK\x01sb",
    b"\x82\x01",
    b"(cos\nsystem\nS'touch executed'\no",
    b"(S'touch executed'\nios\nsystem\n",
)


def mutate(data: bytes, other: bytes, random: Random) -> bytes:
    """A damaged copy of `data`: one to six changes, some of them with parts of `other`."""
    if data[:2] == b"PK" and random.random() < 0.6:
        return _inside(data, other, random)
    return _mutate(data, other, random)


def disturb(root: object, random: Random) -> None:
    """Changes in a tree that was just read: a well-formed file may hold anything at any place."""
    places = list(_containers(root))
    for _ in range(random.choice(CHANGES)):
        container = random.choice(places) if places else {}
        keys = list(container) if isinstance(container, dict) else list(range(len(container)))
        if not keys:
            continue
        key = random.choice(keys)
        if random.random() < 0.3:
            del container[key]
        elif isinstance(container, dict) and random.random() < 0.1:
            container[random.choice(("x", 7, None, "a.b", "synthesis.b1048576.const"))] = container.pop(key)
        else:
            container[key] = _another(container[key], random)


def _containers(root: object) -> Iterator[dict | list]:
    """The dicts and lists of a tree, records' states included; parents of configurations are not followed."""
    waiting, seen = [root], set()
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Record):
            waiting += [value.state, value.arguments]
        elif isinstance(value, dict | list | tuple):
            waiting += list(value.values()) if isinstance(value, dict) else value
            if not isinstance(value, tuple):
                yield value


def _another(value: object, random: Random) -> object:
    """A value of another kind, shape or size."""
    if isinstance(value, Tensor) and random.random() < 0.7:
        choices = [
            value.flatten(),
            value[None],
            value.to(torch.int64),
            value * math.nan,
            value[:0] if value.ndim else value,
        ]
        return random.choice([*choices, value.expand(2, *value.shape), torch.zeros(()), value.double()])
    if isinstance(value, int | float) and random.random() < 0.7:
        return random.choice((0, 1, -1, 3, 2**10, 2**40, 10**30, 0.5, math.nan, math.inf, -math.inf))
    texts = ("x", "${x}", "", "a\n\x1b[2J", "x" * 100_000)
    parts: tuple = ((), [], {}, [None], {"x": None}, Record("a", "b"), torch.ones(2), [torch.ones(2)] * 4)
    return random.choice((None, True, 0, -1, 10**9, 2**400, b"x", *texts, *parts))


def _mutate(data: bytes, other: bytes, random: Random) -> bytes:
    for _ in range(random.choice(CHANGES)):
        data = random.choice(KINDS)(data, other, random)
    return data


def _inside(data: bytes, other: bytes, random: Random) -> bytes:
    """Damage to one member of an archive that stays whole as an archive."""
    from spatial_edit.foreign.reading.archive import slices

    try:
        members = {name: bytes(part) for name, part in slices(memoryview(data), Budget(len(data))).items()}
    except ForeignError:
        return _mutate(data, other, random)
    folder = next(iter(members)).partition("/")[0]
    inner = {name.partition("/")[2]: part for name, part in members.items()}
    name = "data.pkl" if random.random() < 0.8 and "data.pkl" in inner else random.choice(list(inner))
    inner[name] = _mutate(inner[name], other, random)
    return zipped(inner, folder)


def _flip(data: bytes, other: bytes, random: Random) -> bytes:
    if not data:
        return data
    place = random.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << random.randrange(8)]) + data[place + 1 :]


def _overwrite(data: bytes, other: bytes, random: Random) -> bytes:
    place, count = _range(data, random, 16)
    return data[:place] + random.randbytes(count) + data[place + count :]


def _delete(data: bytes, other: bytes, random: Random) -> bytes:
    place, count = _range(data, random, 300)
    return data[:place] + data[place + count :]


def _insert(data: bytes, other: bytes, random: Random) -> bytes:
    place, count = _range(data, random, 16)
    return data[:place] + random.randbytes(count) + data[place:]


def _duplicate(data: bytes, other: bytes, random: Random) -> bytes:
    place, count = _range(data, random, 2_000)
    times = random.choice((1, 2, 50)) if count < 200 else 1
    return data[: place + count] + data[place : place + count] * times + data[place + count :]


def _truncate(data: bytes, other: bytes, random: Random) -> bytes:
    return data[: random.randint(0, len(data))]


def _extreme(data: bytes, other: bytes, random: Random) -> bytes:
    """An extreme number, preferably behind an opcode that a length follows."""
    places = [place + 1 for place, code in enumerate(data[:200_000]) if code in LENGTHS]
    place = random.choice(places) if places and random.random() < 0.8 else _range(data, random, 1)[0]
    size = random.choice((1, 2, 4, 8))
    number = random.choice(EXTREMES) & (1 << 8 * size) - 1
    return data[:place] + struct.pack("<Q", number)[:size] + data[place + size :]


def _swap(data: bytes, other: bytes, random: Random) -> bytes:
    """Another opcode in the place of one."""
    places = [place for place, code in enumerate(data[:200_000]) if code in OPCODES]
    if not places:
        return data
    place = random.choice(places)
    return data[:place] + bytes([random.choice(CODES)]) + data[place + 1 :]


def _exchange(data: bytes, other: bytes, random: Random) -> bytes:
    """A plain value, a small number or a number of the memo for another: the file stays well formed."""
    places = [place for place, code in enumerate(data[:200_000]) if code in PLAIN or code in NUMBERED]
    if not places:
        return data
    place = random.choice(places)
    if data[place] in PLAIN:
        return data[:place] + bytes([random.choice(PLAIN)]) + data[place + 1 :]
    return data[: place + 1] + bytes([random.randrange(40)]) + data[place + 2 :]


def _splice(data: bytes, other: bytes, random: Random) -> bytes:
    place, count = _range(data, random, 500)
    start, length = _range(other, random, 2_000)
    return data[:place] + other[start : start + length] + data[place + count :]


def _digits(data: bytes, other: bytes, random: Random) -> bytes:
    """A whole number as text, of many digits, or a line without an end."""
    place = _range(data, random, 1)[0]
    line = random.choice((b"I", b"L", b"F", b"S'", b"V", b"p")) + b"9" * random.choice(
        (5, 50, 5_000, 100_000)
    )
    return data[:place] + line + random.choice((b"\n", b"")) + data[place:]


def _repeat(data: bytes, other: bytes, random: Random) -> bytes:
    """One opcode again and again: deep nesting, copies, empty values."""
    place = _range(data, random, 1)[0]
    piece = random.choice(
        (b"(", b"]", b"}", b"\x85", b"2", b"\x86", b"2\x86", b"\x94", b")", b"](", b"h\x01")
    )
    return data[:place] + piece * random.choice((10, 1_000, 50_000)) + data[place:]


def _call(data: bytes, other: bytes, random: Random) -> bytes:
    """A call of something that must never be called, where an opcode may begin."""
    places = [place for place, code in enumerate(data[:200_000]) if code in OPCODES] or [0]
    place = random.choice(places)
    return data[:place] + random.choice(CALLS) + data[place:]


def _range(data: bytes, random: Random, most: int) -> tuple[int, int]:
    """A place and a count of bytes from there."""
    place = random.randint(0, len(data))
    return place, random.randint(0, min(most, len(data) - place))


KINDS: tuple[Callable[[bytes, bytes, Random], bytes], ...] = (
    _flip,
    _flip,
    _overwrite,
    _delete,
    _insert,
    _duplicate,
    _truncate,
    _extreme,
    _extreme,
    _swap,
    _exchange,
    _exchange,
    _exchange,
    _splice,
    _digits,
    _repeat,
    _call,
    _call,
)
