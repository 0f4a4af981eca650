"""Boxes3D as bits: what a code of version 2 holds.

One row of bits, the most significant first, filled up with zeros to whole bytes:

    room       width 12, depth 12 (steps of 2 mm), height 10
    camera     x 13, y 12, z 14 (mm), yaw 14, pitch 13, field of view 13 (steps of 1/2500 rad)
    surfaces   5 colours of 3 x 8
    lights     22 x 15 (steps of 1/1000)
    count      6
    an element centre 3 x 15, half size 3 x 12 (mm), colour 3 x 8, class 5, facing 2, row 8, id 8, hidden 1,
               locked 1: 130 bits

Every value is a whole number of steps, so a box that touches a wall still does: a wall is at a multiple of
1 mm. 14 elements take 299 bytes, 40 take 722."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from spatial_edit.layouts import Boxes3D
from spatial_edit.layouts.boxes3d import (
    CAMERA_RANGE,
    CENTRE_RANGE_3D,
    CLASS_ID,
    CLASSES,
    FACINGS,
    HALF_RANGE,
    LIGHT_RANGE,
    LIGHTS,
    MAX_BOXES,
    ROOM_RANGE,
    SURFACES,
)
from spatial_edit.share.envelope import CodeError, damaged


@dataclass(frozen=True)
class Field:
    """A value of `scale` steps a unit between two limits, stored as the number of steps above the lower."""

    scale: int
    low: int  # in steps
    high: int

    @property
    def bits(self) -> int:
        return (self.high - self.low).bit_length()

    def step(self, value: float) -> int:
        """The nearest step within the limits."""
        return min(self.high, max(self.low, round(value * self.scale))) - self.low

    def value(self, step: int) -> float:
        return (step + self.low) / self.scale


def _field(scale: int, limits: tuple[float, float]) -> Field:
    return Field(scale, round(limits[0] * scale), round(limits[1] * scale))


_ROOM = tuple(_field(scale, limits) for scale, limits in zip((500, 500, 500), ROOM_RANGE, strict=True))
_CAMERA = tuple(_field(1000 if i < 3 else 2500, limits) for i, limits in enumerate(CAMERA_RANGE))
_COLOUR = Field(255, 0, 255)
_SHELL = (*_ROOM, *_CAMERA, *(_COLOUR,) * (3 * len(SURFACES)), *(_field(1000, LIGHT_RANGE),) * len(LIGHTS))
_GEOMETRY = (*(_field(1000, CENTRE_RANGE_3D),) * 3, *(_field(1000, HALF_RANGE),) * 3, *(_COLOUR,) * 3)
_COUNT = 6
_TAGS = (5, 2, 8, 8, 1, 1)  # bits of class, facing, row, id, hidden, locked
_ELEMENT_BITS = sum(field.bits for field in _GEOMETRY) + sum(_TAGS)


def pack(layout: Boxes3D) -> bytes:
    """The layout's bits; values outside their range become the nearest within. CodeError for NaN, more than
    MAX_BOXES elements, a number given twice or above 255, and an unknown class."""
    _check(layout)
    shell = torch.cat([layout.room, layout.camera, layout.surfaces.flatten(), layout.lights]).tolist()
    parts = [(field.step(value), field.bits) for field, value in zip(_SHELL, shell, strict=True)]
    parts.append((len(layout), _COUNT))
    geometry = torch.cat([layout.centres, layout.halves, layout.colours], -1).tolist()  # (K, 9)
    for k, values in enumerate(geometry):
        parts += [(field.step(value), field.bits) for field, value in zip(_GEOMETRY, values, strict=True)]
        tags = (
            CLASS_ID[layout.classes[k]], layout.facings[k], layout.rows[k], layout.ids[k],
            int(layout.hidden[k]), int(layout.locked[k]),
        )  # fmt: skip
        parts += zip(tags, _TAGS, strict=True)
    return _join(parts)


def unpack(packed: bytes) -> Boxes3D:
    """The layout; CodeError when a field is out of its range, a number is used twice or a bit is left."""
    bits = _Bits(packed)
    shell = [bits.field(field) for field in _SHELL]
    count = bits.take(_COUNT)
    if count > MAX_BOXES:
        raise damaged()
    geometry, tags = [], []
    for _ in range(count):
        geometry.append([bits.field(field) for field in _GEOMETRY])
        tags.append([bits.take(width) for width in _TAGS])
    bits.finish()
    classes, facings, rows, ids, hidden, locked = zip(*tags, strict=True) if tags else ((),) * 6
    if max(classes, default=0) >= len(CLASSES) or len(set(ids)) != count:
        raise damaged()
    values = torch.tensor(geometry, dtype=torch.float32).reshape(count, len(_GEOMETRY))
    room, camera, surfaces, lights = _split(shell, (3, 6, 3 * len(SURFACES), len(LIGHTS)))
    return Boxes3D(
        room=room,
        camera=camera,
        surfaces=surfaces.reshape(len(SURFACES), 3),
        lights=lights,
        centres=values[:, 0:3].clone(),
        halves=values[:, 3:6].clone(),
        colours=values[:, 6:9].clone(),
        classes=tuple(CLASSES[i] for i in classes),
        facings=tuple(facings),
        ids=tuple(ids),
        rows=tuple(rows),
        hidden=tuple(map(bool, hidden)),
        locked=tuple(map(bool, locked)),
    )


def _check(layout: Boxes3D) -> None:
    if len(layout) > MAX_BOXES:
        raise CodeError(
            f"the layout has {len(layout)} elements, a code holds at most {MAX_BOXES}: remove some"
        )
    if len(set(layout.ids)) != len(layout):
        raise CodeError("two elements have the same number: numbers must be unique")
    for number, row, name, facing in zip(
        layout.ids, layout.rows, layout.classes, layout.facings, strict=True
    ):
        if not (0 <= number <= 255 and 0 <= row <= 255):
            raise CodeError(f"element {number} or its row {row} is above 255: it has no code")
        if name not in CLASS_ID or not 0 <= facing < len(FACINGS):
            raise CodeError(f"element {number} is a {name!r} facing {facing}: there is no such thing")
    for values in (
        layout.room, layout.camera, layout.surfaces, layout.lights, layout.centres, layout.halves,
        layout.colours,
    ):  # fmt: skip
        if not bool(torch.isfinite(values).all()):
            raise CodeError("the layout holds a value that is not finite: undo the last edit")


def _join(parts: Iterable[tuple[int, int]]) -> bytes:
    """(value, bits) after each other, then zeros up to a whole byte."""
    text = "".join(f"{value:0{width}b}" for value, width in parts)
    text += "0" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big")


class _Bits:
    """Reads what `_join` wrote; CodeError when it ends too early, or later than it should."""

    def __init__(self, packed: bytes) -> None:
        self._text = f"{int.from_bytes(packed, 'big'):0{8 * len(packed)}b}" if packed else ""
        self._at = 0

    def take(self, width: int) -> int:
        if self._at + width > len(self._text):
            raise damaged()
        self._at += width
        return int(self._text[self._at - width : self._at], 2)

    def field(self, field: Field) -> float:
        step = self.take(field.bits)
        if step > field.high - field.low:
            raise damaged()
        return field.value(step)

    def finish(self) -> None:
        left = self._text[self._at :]
        if len(left) >= 8 or "1" in left:
            raise damaged()


def _split(values: Sequence[float], sizes: Sequence[int]) -> list[Tensor]:
    parts = torch.tensor(values, dtype=torch.float32).split(list(sizes))
    return [part.clone() for part in parts]
