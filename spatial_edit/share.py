"""Codes: a scene as a short text for a link.

An `e` code holds a scene made from a seed. Before base64url (no padding), big-endian:

    version 1 byte | model number 1 | weights 4 (first 8 hex digits of their sha256) | seed 4 | truncation 2
    (steps of 1/10000) | element count 1 | 9 bytes an element, farthest first | CRC32 4

An element's 72 bits: x 12, y 12 (steps of 1/2920 from -0.2, so 0, 0.1, 0.5 and 1 are exact), size 10 (log),
aspect 10 (log, 1 is exact), angle 10 (steps of pi/1024; an ellipse repeats every pi), row 8, id 8, hidden 1,
locked 1. 24 elements make 311 characters, 64 make 791.

An `s` code names a parsed scene in the store: `s:ID`, or `s:ID.LAYOUT` when its elements were edited, where
LAYOUT is version 1 | count 1 | elements | CRC32 of the id and what precedes: the store keeps the appearance,
the link the geometry.

Codes are canonical: for every code that decodes, `encode` gives the same code back. Every version ends in the
CRC32.
"""

from __future__ import annotations

import base64
import math
import re
import struct
import zlib
from dataclasses import dataclass

import torch

from spatial_edit.layouts import Blobs, Scene
from spatial_edit.layouts.blobs import ASPECT_RANGE, MAX_BLOBS, SIZE_RANGE

VERSION = 1
MAX_CODE = 4096
TRUNCATION_STEPS = 10_000
MAX_ROW = MAX_ID = 255

_HEADER = struct.Struct(">BB4sIHB")
_ELEMENT_BYTES = 9
_STEPS_PER_SIDE = (
    2920  # 1.4 * 2920 = 4088 = the largest even multiple of 7 steps that fits 12 bits with a zero at 584
)
_CENTRE_ZERO, _CENTRE_TOP = 584, 4088
_SIZE_TOP, _ASPECT_TOP, _ANGLE_STEPS = 1023, 1022, 1024
_SIZE_LOG = (math.log(SIZE_RANGE[0]), math.log(SIZE_RANGE[1]))
_ASPECT_LOG = (math.log(ASPECT_RANGE[0]), math.log(ASPECT_RANGE[1]))
_BITS = (12, 12, 10, 10, 10, 8, 8, 1, 1)  # x y size aspect angle row id hidden locked
_STORED = re.compile(r"s:([A-Za-z0-9_-]{22})(?:\.([A-Za-z0-9_-]+))?")


class CodeError(ValueError):
    """A code that cannot be opened; the message is one sentence for the user."""


class UnknownModel(CodeError):
    """The code is for a model that this installation does not have."""


class OtherWeights(CodeError):
    """The code was made with other weights of the same model; `shared` still tells the layout."""

    def __init__(self, message: str, shared: SharedScene) -> None:
        super().__init__(message)
        self.shared = shared


@dataclass(frozen=True, eq=False)
class SharedScene:
    """What an `e` code says. `weights` is the first 8 hex digits of the weights' sha256."""

    model_number: int
    weights: str
    seed: int
    truncation: float
    layout: Blobs


@dataclass(frozen=True, eq=False)
class StoredScene:
    """What an `s` code says: the store's id, and the edited layout, None when the stored one stands."""

    entry: str
    layout: Blobs | None


def encode(scene: Scene, model_number: int) -> str:
    """The `e` code of a scene made from a seed.

    Geometry outside its range is stored as the nearest value within; truncation is rounded to 1/10000.
    Raises CodeError for NaN, for more than 64 elements and for ids, rows or weights that do not fit.
    """
    if not re.fullmatch(r"[0-9a-f]{8,64}", scene.weights):
        raise CodeError(f"the weights hash {scene.weights[:20]!r} is not at least 8 lower-case hex digits")
    layout = _blobs(scene)
    shared = SharedScene(
        model_number, scene.weights[:8], scene.latent.seed, round_truncation(scene.latent.truncation), layout
    )
    return encode_shared(shared)


def encode_shared(shared: SharedScene) -> str:
    """The code of what `decode` gave: `encode_shared(decode(code)) == code`."""
    if not 0 <= shared.model_number <= 255 or not 0 <= shared.seed < 2**32:
        raise CodeError(
            f"model number {shared.model_number} or seed {shared.seed} is out of range for a code"
        )
    head = _HEADER.pack(
        VERSION,
        shared.model_number,
        bytes.fromhex(shared.weights),
        shared.seed,
        round(shared.truncation * TRUNCATION_STEPS),
        len(shared.layout),
    )
    return _seal(head + _pack(shared.layout))


def decode(code: str) -> SharedScene:
    """What an `e` code says; CodeError when it is damaged, too long or of an unknown version."""
    body = _unseal(code)
    if len(body) < _HEADER.size:
        raise _damaged()
    _, number, weights, seed, truncation, count = _HEADER.unpack_from(body)
    if truncation > TRUNCATION_STEPS:
        raise _damaged()
    layout = _unpack(body[_HEADER.size :], count)
    return SharedScene(number, weights.hex(), seed, truncation / TRUNCATION_STEPS, layout)


def encode_stored(entry: str, layout: Blobs | None = None) -> str:
    """The `s` code of a store entry, with the layout when it differs from the stored one."""
    if layout is None:
        return f"s:{entry}"
    return f"s:{entry}.{_seal(bytes([VERSION, len(layout)]) + _pack(layout), entry.encode())}"


def decode_stored(code: str) -> StoredScene:
    """What an `s` code says; CodeError as for `decode`, also when the layout belongs to another entry."""
    _check_length(code)
    match = _STORED.fullmatch(code)
    if match is None:
        raise _damaged()
    entry, packed = match.groups()
    if packed is None:
        return StoredScene(entry, None)
    body = _unseal(packed, entry.encode())
    if len(body) < 2:
        raise _damaged()
    return StoredScene(entry, _unpack(body[2:], body[1]))


def is_stored(code: str) -> bool:
    """True for an `s` code."""
    return code.startswith("s:")


def quantise(layout: Blobs) -> Blobs:
    """The layout as a code gives it back: idempotent, bit for bit."""
    return _unpack(_pack(layout), len(layout))


def round_truncation(truncation: float) -> float:
    """The nearest truncation that a code can hold."""
    if not 0.0 <= truncation <= 1.0:
        raise CodeError(f"truncation is {truncation}: it must lie in [0, 1]")
    return round(truncation * TRUNCATION_STEPS) / TRUNCATION_STEPS


def check_weights(shared: SharedScene, weights: str, model: str) -> None:
    """OtherWeights when the code was made with weights other than the given ones."""
    if not weights.startswith(shared.weights):
        raise OtherWeights(
            f"this link was made with other weights of {model} ({shared.weights}, here are {weights[:8]}): "
            f"the picture would differ, open it as this layout with today's model instead",
            shared,
        )


def _blobs(scene: Scene) -> Blobs:
    if not isinstance(scene.layout, Blobs):
        raise CodeError(f"{scene.model} has no blobs to move, and so no code: choose a model that has them")
    return scene.layout


def _pack(layout: Blobs) -> bytes:
    """(K, 9 bytes) the elements in depth order."""
    if len(layout) > MAX_BLOBS:
        raise CodeError(
            f"the layout has {len(layout)} elements, a code holds at most {MAX_BLOBS}: remove some"
        )
    if len(set(layout.ids)) != len(layout):
        raise CodeError("two elements have the same number: numbers must be unique")
    geometry = torch.cat(
        [layout.centres, torch.stack([layout.sizes, layout.aspects, layout.angles], -1)], -1
    ).detach()  # (K, 5)
    if not bool(torch.isfinite(geometry).all()):
        raise CodeError("the layout holds a value that is not finite: undo the last edit")
    packed = b""
    for k, (x, y, size, aspect, angle) in enumerate(geometry.tolist()):
        if not 0 <= layout.rows[k] <= MAX_ROW or not 0 <= layout.ids[k] <= MAX_ID:
            raise CodeError(
                f"element {layout.ids[k]} or its row {layout.rows[k]} is above {MAX_ID}: it has no code"
            )
        values = (
            _centre_step(x),
            _centre_step(y),
            _log_step(size, SIZE_RANGE, _SIZE_LOG, _SIZE_TOP),
            _log_step(aspect, ASPECT_RANGE, _ASPECT_LOG, _ASPECT_TOP),
            round(angle % math.pi / math.pi * _ANGLE_STEPS) % _ANGLE_STEPS,
            layout.rows[k],
            layout.ids[k],
            int(layout.hidden[k]),
            int(layout.locked[k]),
        )
        bits = 0
        for value, width in zip(values, _BITS, strict=True):
            bits = bits << width | value
        packed += bits.to_bytes(_ELEMENT_BYTES, "big")
    return packed


def _unpack(packed: bytes, count: int) -> Blobs:
    """The elements; CodeError when a field is out of its range or a number is used twice."""
    if count > MAX_BLOBS or len(packed) != count * _ELEMENT_BYTES:
        raise _damaged()
    columns: list[list[int]] = [[] for _ in _BITS]
    for k in range(count):
        bits = int.from_bytes(packed[k * _ELEMENT_BYTES : (k + 1) * _ELEMENT_BYTES], "big")
        for column, width in zip(reversed(columns), reversed(_BITS), strict=True):
            column.append(bits & (1 << width) - 1)
            bits >>= width
    x, y, size, aspect, angle, row, number, hidden, locked = columns
    if max([*x, *y, 0]) > _CENTRE_TOP or max([*aspect, 0]) > _ASPECT_TOP or len(set(number)) != count:
        raise _damaged()
    centres = [[_centre(i), _centre(j)] for i, j in zip(x, y, strict=True)]
    return Blobs(
        centres=torch.tensor(centres, dtype=torch.float32).reshape(count, 2),
        sizes=torch.tensor([_exp(i, SIZE_RANGE, _SIZE_LOG, _SIZE_TOP) for i in size], dtype=torch.float32),
        aspects=torch.tensor(
            [_exp(i, ASPECT_RANGE, _ASPECT_LOG, _ASPECT_TOP) for i in aspect], dtype=torch.float32
        ),
        angles=torch.tensor([i * math.pi / _ANGLE_STEPS for i in angle], dtype=torch.float32),
        ids=tuple(number),
        rows=tuple(row),
        hidden=tuple(map(bool, hidden)),
        locked=tuple(map(bool, locked)),
    )


def _centre_step(value: float) -> int:
    return min(_CENTRE_TOP, max(0, round(value * _STEPS_PER_SIDE) + _CENTRE_ZERO))


def _centre(step: int) -> float:
    return (step - _CENTRE_ZERO) / _STEPS_PER_SIDE


def _log_step(value: float, limits: tuple[float, float], logs: tuple[float, float], top: int) -> int:
    value = min(limits[1], max(limits[0], value))
    return min(top, max(0, round((math.log(value) - logs[0]) / (logs[1] - logs[0]) * top)))


def _exp(step: int, limits: tuple[float, float], logs: tuple[float, float], top: int) -> float:
    """The middle step of a symmetric range is exactly 1, the ends are exactly the limits."""
    if step in (0, top):
        return limits[step == top]
    centre = (logs[0] + logs[1]) / 2
    return math.exp(centre + (logs[1] - logs[0]) * (2 * step - top) / (2 * top))


def _seal(body: bytes, salt: bytes = b"") -> str:
    sealed = body + zlib.crc32(salt + body).to_bytes(4, "big")
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


def _unseal(code: str, salt: bytes = b"") -> bytes:
    """The bytes before the checksum; CodeError unless they are intact, canonical and of a known version."""
    _check_length(code)
    if not re.fullmatch(r"[A-Za-z0-9_-]{8,}", code) or len(code) % 4 == 1:
        raise _damaged()
    sealed = base64.urlsafe_b64decode(code + "=" * (-len(code) % 4))
    body = sealed[:-4]
    if zlib.crc32(salt + body).to_bytes(4, "big") != sealed[-4:] or _seal(body, salt) != code:
        raise _damaged()
    if body[0] != VERSION:
        raise CodeError(
            f"this link is of version {body[0]}, this program reads version {VERSION}: update the program"
        )
    return body


def _check_length(code: str) -> None:
    if not isinstance(code, str):
        raise CodeError(f"a link's code must be a text, not {type(code).__name__}")
    if len(code) > MAX_CODE:
        raise CodeError(
            f"this link is too long ({len(code)} characters, at most {MAX_CODE} are read): copy it again"
        )


def _damaged() -> CodeError:
    return CodeError("this link is damaged: copy it again from where you got it, whole")
