"""Motion: an element goes somewhere, and what rests on it comes along.

A motion turns by quarter turns about the element's place, scales offsets, and shifts. It moves the element's
riders as one piece; the key light follows a moved window, and the small light a moved lamp.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from spatial_edit.edits.boxes3d_op import with_boxes
from spatial_edit.edits.errors import EditError
from spatial_edit.layouts import Boxes3D
from spatial_edit.layouts.boxes3d import (
    KEY_EXTENT,
    KEY_NORMAL,
    KEY_POSITION,
    LAMP_POSITION,
)
from spatial_edit.layouts.furniture import (
    Box,
    boxes_of,
    key_light_at,
    lamp_light_at,
    name_of,
    quarters_between,
    riders,
    turned,
)

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Motion:
    """p -> to + turn(scale * (p - origin)); `quarters` 0..3 counter-clockwise as seen from above."""

    origin: Triple
    to: Triple
    quarters: int = 0
    scale: Triple = (1.0, 1.0, 1.0)

    def point(self, p: Triple) -> Triple:
        x, y, z = ((a - b) * s for a, b, s in zip(p, self.origin, self.scale, strict=True))
        x, y, z = self.direction((x, y, z))
        return x + self.to[0], y + self.to[1], z + self.to[2]

    def direction(self, d: Triple) -> Triple:
        x, y, z = d
        for _ in range(self.quarters):
            x, z = -z, x
        return x, y, z

    def extent(self, half: Triple) -> Triple:
        x, y, z = half
        return (z, y, x) if self.quarters % 2 else (x, y, z)

    def box(self, box: Box) -> Box:
        return Box(*self.point((box.x, box.y, box.z)), *self.extent((box.hx, box.hy, box.hz)))


def group(layout: Boxes3D, index: int, carry: bool, boxes: list[Box]) -> list[int]:
    """The element and, with `carry`, its riders; EditError when one of those is locked."""
    along = riders(layout, index, boxes) if carry else []
    for i in along:
        if layout.locked[i]:
            raise EditError(
                f"{name_of(layout, i)} would come along with {name_of(layout, index)} and is locked: "
                'unlock it, or send "carry": false'
            )
    return [index, *along]


def move_to(layout: Boxes3D, index: int, place: Triple, facing: int, carry: bool) -> Boxes3D:
    """The element with its centre at a place, looking to `facing`, and what comes along."""
    boxes = boxes_of(layout)
    moving = group(layout, index, carry, boxes)
    box = boxes[index]
    quarters = quarters_between(layout.facings[index], facing)
    return move_all(layout, moving, Motion((box.x, box.y, box.z), place, quarters), lights=carry)


def move_all(layout: Boxes3D, moving: list[int], motion: Motion, lights: bool) -> Boxes3D:
    """Every named element moved rigidly, and the lights that belong to them."""
    boxes = boxes_of(layout)
    moved = with_boxes(
        layout,
        {i: motion.box(boxes[i]) for i in moving},
        {i: turned(layout.facings[i], motion.quarters) for i in moving},
    )
    return move_lights(layout, moved, moving, motion) if lights else moved


def move_lights(before: Boxes3D, after: Boxes3D, moving: list[int], motion: Motion) -> Boxes3D:
    """`after` with the lights that shone from a moved element of `before` moved along."""
    boxes = boxes_of(before)
    lights = after.lights.clone()

    def triple(part: slice) -> Triple:
        x, y, z = before.lights[part].tolist()
        return x, y, z

    if key_light_at(before, boxes) in moving:
        scaled = tuple(e * s for e, s in zip(triple(KEY_EXTENT), motion.scale, strict=True))
        lights[KEY_POSITION] = torch.tensor(motion.point(triple(KEY_POSITION)))
        lights[KEY_NORMAL] = torch.tensor(motion.direction(triple(KEY_NORMAL)))
        lights[KEY_EXTENT] = torch.tensor(motion.extent((scaled[0], scaled[1], scaled[2])))
    if lamp_light_at(before, boxes) in moving:
        lights[LAMP_POSITION] = torch.tensor(motion.point(triple(LAMP_POSITION)))
    return replace(after, lights=lights)
