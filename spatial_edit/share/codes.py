"""Codes: a scene as a short text for a link.

An `e` code holds a scene made from a seed. Before base64url (no padding), big-endian:

    version 1 byte | model number 1 | weights 4 (first 8 hex digits of their sha256) | seed 4 | truncation 2
    (steps of 1/10000) | the layout | CRC32 4

The version tells the layout's kind. 1: blobs, a count byte and 9 bytes an element (blobs.py); 24 elements
make 311 characters, 64 make 791. 2: boxes in a room (boxes3d.py); 14 elements make 420 characters, 40 make
984. 3: blobs that have more than geometry (opacity, appearances of other rows and seeds, colours, a backdrop,
surfaces): as version 1, then the records of blob_styles.py; 24 elements with all of it make 600 to 700.
Blobs that have nothing of this are of version 1, as ever. 4: heatmaps, labelled boxes, segments, blocks and
points, as JSON (plain.py); 10 boxes make 1,600 characters. 5: no layout (StyleGAN2, GANformer): nothing
follows the truncation; 22 characters. 6: heatmaps that have more than centres (detached ones, appearances of
other seeds), as version 4; heatmaps that have nothing of this are of version 4, as ever.

A scene with a protect mask has 0x40 added to its version, and instead of the layout

    length 2 | the layout | the mask, and what is shown outside it (guards.py)

where the layout is not one of version 5: of a picture without a layout there is nothing to protect.

An `s` code names a parsed scene in the store: `s:ID`, or `s:ID.LAYOUT` when its layout was edited, where
LAYOUT is version 1 | the layout | CRC32 of the id and what precedes: the store keeps the appearance, the link
the geometry. With a protect mask over the layout as it was stored, the version is 0x40 and the length 0. A
parsed scene without a layout is `s:ID` alone.

Codes are canonical: for every code that decodes, `encode` gives the same code back. Every version ends in the
CRC32.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from spatial_edit.layouts import Blobs, Boxes3D, Guard, Layout, Scene
from spatial_edit.layouts.heatmaps import Heatmaps
from spatial_edit.layouts.kinds_codec import Plain
from spatial_edit.share import blob_styles, blobs, boxes3d, guards, plain
from spatial_edit.share.envelope import CodeError, Reader, check_length, damaged, seal, unseal

BLOBS, BOXES3D, STYLED_BLOBS, PLAIN, BARE, STYLED_HEATMAPS = 1, 2, 3, 4, 5, 6  # versions
GUARDED = 0x40  # added to the version of a scene with a protect mask
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
    guard: Guard | None = None


@dataclass(frozen=True, eq=False)
class StoredScene:
    """What an `s` code says: the store's id, the edited layout, None when the stored one stands, and the
    protect mask."""

    entry: str
    layout: Layout | None
    guard: Guard | None = None


def encode(scene: Scene, model_number: int) -> str:
    """The `e` code of a scene made from a seed.

    Geometry outside its range is stored as the nearest value within; truncation is rounded to 1/10000.
    Raises CodeError for NaN, for more elements than a code holds, for ids, rows or weights that do not fit
    and for a layout of a kind that has no code.
    """
    if not re.fullmatch(r"[0-9a-f]{8,64}", scene.weights):
        raise CodeError(f"the weights hash {scene.weights[:20]!r} is not at least 8 lower-case hex digits")
    truncation = round_truncation(scene.latent.truncation)
    return encode_shared(
        SharedScene(model_number, scene.weights[:8], scene.latent.seed, truncation, scene.layout, scene.guard)
    )


def encode_shared(shared: SharedScene) -> str:
    """The code of what `decode` gave: `encode_shared(decode(code)) == code`."""
    if not 0 <= shared.model_number <= 255 or not 0 <= shared.seed < 2**32:
        raise CodeError(
            f"model number {shared.model_number} or seed {shared.seed} is out of range for a code"
        )
    version, layout = _pack_guarded(shared.layout, shared.guard)
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
    _check_version(body[0], at_least=BLOBS)
    if len(body) < _HEADER.size:
        raise damaged()
    version, number, weights, seed, truncation = _HEADER.unpack_from(body)
    if truncation > TRUNCATION_STEPS:
        raise damaged()
    layout, guard = _unpack_guarded(version, body[_HEADER.size :])
    if layout is None:
        raise damaged()
    shared = SharedScene(number, weights.hex(), seed, truncation / TRUNCATION_STEPS, layout, guard)
    if version not in (BLOBS, BOXES3D) and encode_shared(shared) != code:
        raise damaged()
    return shared


def encode_stored(entry: str, layout: Layout | None = None, guard: Guard | None = None) -> str:
    """The `s` code of a store entry, with the layout when it differs from the stored one, and with the
    protect mask when there is one."""
    if (layout is None or is_bare(layout)) and guard is None:
        return f"s:{entry}"
    version, packed = _pack_guarded(layout, guard)
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
    _check_version(body[0], at_least=0 if body[0] & GUARDED else BLOBS)
    stored = StoredScene(entry, *_unpack_guarded(body[0], body[1:]))
    if body[0] not in (BLOBS, BOXES3D) and encode_stored(entry, stored.layout, stored.guard) != code:
        raise damaged()
    return stored


def is_stored(code: str) -> bool:
    """True for an `s` code."""
    return code.startswith("s:")


def is_bare(layout: Layout) -> bool:
    """True for the empty layout, of models that have nothing to move."""
    return type(layout) is Layout


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
        what = "its seed" if is_bare(shared.layout) else "this layout"
        raise OtherWeights(
            f"this link was made with other weights of {model} ({shared.weights}, here are {weights[:8]}): "
            f"the picture would differ, open it as {what} with today's model instead",
            shared,
        )


def _pack_guarded(layout: Layout | None, guard: Guard | None) -> tuple[int, bytes]:
    """The version, and the bytes of the layout and of the protect mask."""
    version, packed = (0, b"") if layout is None else _pack(layout)
    if guard is None:
        return version, packed
    if is_bare(guard.layout) or (layout is not None and is_bare(layout)):
        raise CodeError("a picture without a layout has nothing to protect: take the mask off")
    if layout is not None and type(guard.layout) is not type(layout):
        raise CodeError(f"the protected state is a layout of kind {guard.layout.kind!r}: protect it again")
    shown_version, shown = _pack(guard.layout)
    return version | GUARDED, b"".join(
        [
            len(packed).to_bytes(2, "big"),
            packed,
            guards.pack_mask(guard.mask),
            guards.pack_state(guard, TRUNCATION_STEPS),
            bytes([shown_version]),
            shown,
        ]
    )


def _unpack_guarded(version: int, packed: bytes) -> tuple[Layout | None, Guard | None]:
    if not version & GUARDED:
        return _unpack(version, packed), None
    reader = Reader(packed)
    own = reader.take(int.from_bytes(reader.take(2), "big"))
    layout = _unpack(version & ~GUARDED, own) if version != GUARDED else None
    mask = guards.unpack_mask(reader)
    seed, truncation = guards.unpack_state(reader, TRUNCATION_STEPS)
    shown_version = reader.byte()
    if not BLOBS <= shown_version <= STYLED_HEATMAPS or shown_version == BARE:
        raise damaged()
    shown = _unpack(shown_version, reader.rest())
    if layout is not None and type(layout) is not type(shown):
        raise damaged()
    return layout, Guard(mask, shown, seed, truncation)


def _pack(layout: Layout) -> tuple[int, bytes]:
    """The version for the layout's kind, and its bytes."""
    if isinstance(layout, Boxes3D):
        return BOXES3D, boxes3d.pack(layout)
    if isinstance(layout, Plain):
        styled = isinstance(layout, Heatmaps) and not layout.is_plain
        return STYLED_HEATMAPS if styled else PLAIN, plain.pack(layout)
    if isinstance(layout, Blobs):
        elements = blobs.pack(layout)  # refuses more than a count byte holds
        packed = bytes([len(layout)]) + elements
        as_ever = blob_styles.is_plain(layout)
        return (BLOBS, packed) if as_ever else (STYLED_BLOBS, packed + blob_styles.pack(layout))
    if is_bare(layout):
        return BARE, b""
    raise CodeError(f"a layout of kind {layout.kind!r} has no code: choose another model")


def _unpack(version: int, packed: bytes) -> Layout:
    if version == BOXES3D:
        return boxes3d.unpack(packed)
    if version in (PLAIN, STYLED_HEATMAPS):
        return plain.unpack(packed)
    if version == BARE:
        if packed:
            raise damaged()
        return Layout()
    reader = Reader(packed)
    count = reader.byte()
    if version == BLOBS:
        return blobs.unpack(reader.rest(), count)
    layout = blob_styles.unpack(blobs.unpack(reader.take(blobs.ELEMENT_BYTES * count), count), reader)
    reader.finish()
    return layout


def _check_version(version: int, at_least: int) -> None:
    if not at_least <= version & ~GUARDED <= STYLED_HEATMAPS:
        raise CodeError(
            f"this link is of version {version & ~GUARDED}, this program reads versions {BLOBS} to "
            f"{STYLED_HEATMAPS}: update the program"
        )
