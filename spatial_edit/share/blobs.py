"""Blobs as bytes: what a code of version 1 holds, and one of version 3 begins with.

An element's 72 bits: x 12, y 12 (steps of 1/2920 from -0.2, so 0, 0.1, 0.5 and 1 are exact), size 10 (log),
aspect 10 (log, 1 is exact), angle 10 (steps of pi/1024; an ellipse repeats every pi), row 8, id 8, hidden 1,
locked 1. Elements follow each other, farthest first.
"""

from __future__ import annotations

import math

import torch

from spatial_edit.layouts import Blobs
from spatial_edit.layouts.blobs import ASPECT_RANGE, MAX_BLOBS, SIZE_RANGE
from spatial_edit.share.envelope import CodeError, damaged

MAX_ROW = MAX_ID = 255

ELEMENT_BYTES = 9
_STEPS_PER_SIDE = (
    2920  # 1.4 * 2920 = 4088 = the largest even multiple of 7 steps that fits 12 bits with a zero at 584
)
_CENTRE_ZERO, _CENTRE_TOP = 584, 4088
_SIZE_TOP, _ASPECT_TOP, _ANGLE_STEPS = 1023, 1022, 1024
_SIZE_LOG = (math.log(SIZE_RANGE[0]), math.log(SIZE_RANGE[1]))
_ASPECT_LOG = (math.log(ASPECT_RANGE[0]), math.log(ASPECT_RANGE[1]))
_BITS = (12, 12, 10, 10, 10, 8, 8, 1, 1)  # x y size aspect angle row id hidden locked


def pack(layout: Blobs) -> bytes:
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
        packed += bits.to_bytes(ELEMENT_BYTES, "big")
    return packed


def unpack(packed: bytes, count: int) -> Blobs:
    """The elements; CodeError when a field is out of its range or a number is used twice."""
    if count > MAX_BLOBS or len(packed) != count * ELEMENT_BYTES:
        raise damaged()
    columns: list[list[int]] = [[] for _ in _BITS]
    for k in range(count):
        bits = int.from_bytes(packed[k * ELEMENT_BYTES : (k + 1) * ELEMENT_BYTES], "big")
        for column, width in zip(reversed(columns), reversed(_BITS), strict=True):
            column.append(bits & (1 << width) - 1)
            bits >>= width
    x, y, size, aspect, angle, row, number, hidden, locked = columns
    if max([*x, *y, 0]) > _CENTRE_TOP or max([*aspect, 0]) > _ASPECT_TOP or len(set(number)) != count:
        raise damaged()
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
