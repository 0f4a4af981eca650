"""The room's size: walls move, and take what stands or hangs at them along."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch

from spatial_edit.edits.boxes3d_motion import Motion, move_lights
from spatial_edit.edits.boxes3d_op import CAMERA_MARGIN, BoxEdit, with_boxes
from spatial_edit.edits.boxes3d_walls import kept_inside
from spatial_edit.edits.errors import EditError
from spatial_edit.layouts import Boxes3D
from spatial_edit.layouts.boxes3d import PLACEMENT
from spatial_edit.layouts.collisions import outside
from spatial_edit.layouts.furniture import Box, at_wall, boxes_of, name_of, riders_among, room_of, supporters

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Room(BoxEdit):
    """Another width, depth or height. What is at a wall stays at it, everything stays inside, and so does the
    camera."""

    op: ClassVar[str] = "room"
    width: float | None = None
    depth: float | None = None
    height: float | None = None

    def run(self, layout: Boxes3D) -> Boxes3D:
        given = (self.width, self.depth, self.height)
        if all(value is None for value in given):
            raise EditError("the room's edit is empty: send width, depth or height")
        old = room_of(layout)
        width, depth, height = (a if b is None else b for a, b in zip(old, given, strict=True))
        boxes, room = boxes_of(layout), (width, depth, height)
        moved = _moved(layout, boxes, room)
        _check_moved(layout, boxes, moved, room)
        changed = {i: box for i, box in enumerate(moved) if box != boxes[i]}
        x, y, z = layout.camera[:3].tolist()
        side = width / 2 - 2 * CAMERA_MARGIN
        camera = layout.camera.clone()
        camera[:3] = torch.tensor(
            [min(side, max(-side, x)), min(height - 2 * CAMERA_MARGIN, y), min(depth - 2 * CAMERA_MARGIN, z)]
        )
        result = replace(with_boxes(layout, changed), room=torch.tensor(room), camera=camera)
        for i in changed:
            result = move_lights(layout, result, [i], Motion(boxes[i][:3], moved[i][:3]))
        return result


def _moved(layout: Boxes3D, boxes: list[Box], room: Triple) -> list[Box]:
    """Every box in the new room: what rests on something goes with it."""
    shifts: dict[int, Triple] = {}
    below = supporters(layout, boxes)
    for i in range(len(boxes)):
        if below[i] is not None:
            continue
        dx, dy, dz = _wall_shift(layout, i, boxes, room)
        box = boxes[i]
        new = box._replace(x=box.x + dx, y=box.y + dy, z=box.z + dz)
        new = _no_farther_out(box, new, room_of(layout), room)
        for k in (i, *riders_among(below, i)):
            shifts[k] = (new.x - box.x, new.y - box.y, new.z - box.z)
    moved = [b._replace(x=b.x + s[0], y=b.y + s[1], z=b.z + s[2]) for b, s in _paired(boxes, shifts)]
    return [_no_farther_out(*pair, room_of(layout), room) for pair in zip(boxes, moved, strict=True)]


def _no_farther_out(box: Box, new: Box, old_room: Triple, room: Triple) -> Box:
    """The new box, moved inside when it reaches farther out of its room than before."""
    return kept_inside(new, room) if outside(new, room) > max(1e-6, outside(box, old_room)) else new


def _paired(boxes: list[Box], shifts: dict[int, Triple]) -> list[tuple[Box, Triple]]:
    return [(box, shifts.get(i, (0.0, 0.0, 0.0))) for i, box in enumerate(boxes)]


def _wall_shift(layout: Boxes3D, index: int, boxes: list[Box], room: Triple) -> Triple:
    """How far the wall or the ceiling that an element is at moves."""
    old = room_of(layout)
    if PLACEMENT[layout.classes[index]] == "ceiling":
        return 0.0, room[2] - old[2], 0.0
    if not at_wall(layout, index, boxes):
        return 0.0, 0.0, 0.0
    half = (room[0] - old[0]) / 2
    return ((0.0, 0.0, room[1] - old[1]), (-half, 0.0, 0.0), (half, 0.0, 0.0))[layout.facings[index]]


def _check_moved(layout: Boxes3D, boxes: list[Box], moved: list[Box], room: Triple) -> None:
    for i, (old, new) in enumerate(zip(boxes, moved, strict=True)):
        if any(abs(a - b) > 1e-4 for a, b in zip(old, new, strict=True)) and layout.locked[i]:
            raise EditError(f"{name_of(layout, i)} is locked and would move with its wall: unlock it first")
        for axis, (half, limit) in enumerate(zip((new.hx, new.hz, new.hy), room, strict=True)):
            if 2 * half > limit + 0.02:
                side = ("wide", "deep", "high")[axis]
                raise EditError(
                    f"{name_of(layout, i)} is {2 * half:.2f} m {side} and would not fit: make the room "
                    f"larger, or it smaller"
                )
