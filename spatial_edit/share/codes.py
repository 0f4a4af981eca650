"""Codes: a scene as a short text for a link.

An `e` code holds a scene made from a seed. Before base64url (no padding), big-endian:

    version 1 byte | model number 1 | weights 4 (first 8 hex digits of their sha256) | seed 4 | truncation 2
    (steps of 1/10000) | the layout | CRC32 4

The version tells the layout's kind. 1: blobs, a count byte and 9 bytes an element (blobs.py); 24 elements
make 311 characters, 64 make 791. 2: boxes in a room (boxes3d.py); 14 elements make 420 characters, 40 make
984.

An `s` code names a parsed scene in the store: `s:ID`, or `s:ID.LAYOUT` when its layout was edited, where
LAYOUT is version 1 | the layout | CRC32 of the id and what precedes: the store keeps the appearance, the link
the geometry.

Codes are canonical: for every code that decodes, `encode` gives the same code back. Every version ends in the
CRC32.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from spatial_edit.layouts import Blobs, Boxes3D, Layout, Scene
from spatial_edit.share import blobs, boxes3d
from spatial_edit.share.envelope import CodeError, check_length, damaged, seal, unseal

BLOBS, BOXES3D = 1, 2  # versions
TRUNCATION_STEPS = 10_000
_HEADER = struct.Struct(">BB4sIH")
_STORED = re.compile(r"s:([A-Za-z0-9_-]{22})(?:\.([A-Za-z0-9_-]+))?")


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
    layout: Layout


@dataclass(frozen=True, eq=False)
class StoredScene:
    """What an `s` code says: the store's id, and the edited layout, None when the stored one stands."""

    entry: str
    layout: Layout | None


def encode(scene: Scene, model_number: int) -> str:
    """The `e` code of a scene made from a seed.

    Geometry outside its range is stored as the nearest value within; truncation is rounded to 1/10000.
    Raises CodeError for NaN, for more elements than a code holds, for ids, rows or weights that do not fit
    and for a layout of a kind that has no code.
    """
    if not re.fullmatch(r"[0-9a-f]{8,64}", scene.weights):
        raise CodeError(f"the weights hash {scene.weights[:20]!r} is not at least 8 lower-case hex digits")
    if not isinstance(scene.layout, Blobs | Boxes3D):
        raise CodeError(
            f"{scene.model} has nothing to move, and so no code: choose a model that has a layout"
        )
    truncation = round_truncation(scene.latent.truncation)
    shared = SharedScene(model_number, scene.weights[:8], scene.latent.seed, truncation, scene.layout)
    return encode_shared(shared)


def encode_shared(shared: SharedScene) -> str:
    """The code of what `decode` gave: `encode_shared(decode(code)) == code`."""
    if not 0 <= shared.model_number <= 255 or not 0 <= shared.seed < 2**32:
        raise CodeError(
            f"model number {shared.model_number} or seed {shared.seed} is out of range for a code"
        )
    version, layout = _pack(shared.layout)
    head = _HEADER.pack(
        version,
        shared.model_number,
        bytes.fromhex(shared.weights),
        shared.seed,
        round(shared.truncation * TRUNCATION_STEPS),
    )
    return seal(head + layout)


def decode(code: str) -> SharedScene:
    """What an `e` code says; CodeError when it is damaged, too long or of an unknown version."""
    body = unseal(code)
    _check_version(body[0])
    if len(body) < _HEADER.size:
        raise damaged()
    version, number, weights, seed, truncation = _HEADER.unpack_from(body)
    if truncation > TRUNCATION_STEPS:
        raise damaged()
    layout = _unpack(version, body[_HEADER.size :])
    return SharedScene(number, weights.hex(), seed, truncation / TRUNCATION_STEPS, layout)


def encode_stored(entry: str, layout: Layout | None = None) -> str:
    """The `s` code of a store entry, with the layout when it differs from the stored one."""
    if layout is None:
        return f"s:{entry}"
    version, packed = _pack(layout)
    return f"s:{entry}.{seal(bytes([version]) + packed, entry.encode())}"


def decode_stored(code: str) -> StoredScene:
    """What an `s` code says; CodeError as for `decode`, also when the layout belongs to another entry."""
    check_length(code)
    match = _STORED.fullmatch(code)
    if match is None:
        raise damaged()
    entry, packed = match.groups()
    if packed is None:
        return StoredScene(entry, None)
    body = unseal(packed, entry.encode())
    _check_version(body[0])
    return StoredScene(entry, _unpack(body[0], body[1:]))


def is_stored(code: str) -> bool:
    """True for an `s` code."""
    return code.startswith("s:")


def quantise(layout: Layout) -> Layout:
    """The layout as a code gives it back: idempotent, bit for bit."""
    return _unpack(*_pack(layout))


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


def _pack(layout: Layout) -> tuple[int, bytes]:
    """The version for the layout's kind, and its bytes."""
    if isinstance(layout, Boxes3D):
        return BOXES3D, boxes3d.pack(layout)
    if isinstance(layout, Blobs):
        packed = blobs.pack(layout)
        return BLOBS, bytes([len(layout)]) + packed
    raise CodeError(f"a layout of kind {layout.kind!r} has no code: choose another model")


def _unpack(version: int, packed: bytes) -> Layout:
    if version == BOXES3D:
        return boxes3d.unpack(packed)
    if not packed:
        raise damaged()
    return blobs.unpack(packed[1:], packed[0])


def _check_version(version: int) -> None:
    if version not in (BLOBS, BOXES3D):
        raise CodeError(
            f"this link is of version {version}, this program reads versions {BLOBS} and {BOXES3D}: "
            f"update the program"
        )
