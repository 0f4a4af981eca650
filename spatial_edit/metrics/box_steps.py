"""Steps: how far a piece of furniture must go in the room for its centre to go by p in the picture.

A thing that hangs moves within the plane of its wall; everything else moves over the floor, at its own
height, as if it were dragged with wall snapping off. What it carries comes along. A step is not taken when
something would leave the room or come before the camera's lens, or when it would end within another thing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from spatial_edit.layouts import Boxes3D
from spatial_edit.layouts.boxes3d import FACINGS, PLACEMENT
from spatial_edit.layouts.collisions import BEYOND, collisions, outside
from spatial_edit.layouts.furniture import Box, boxes_of, riders, room_of
from spatial_edit.layouts.perspective import NEAR, corners, on_plane, project
from spatial_edit.metrics.co_move import DISTANCE

TRIES = 24
FARTHEST = 6.0  # metres along an axis
LENS = 0.1  # metres around the camera that stay empty


@dataclass(frozen=True, eq=False)
class Step:
    """An element (its position in the layout) with all that it carries, moved."""

    index: int
    moving: tuple[int, ...]  # positions: the element first
    dx: float  # of its projected centre, fractions of the side
    dy: float
    shift: tuple[float, float, float]  # metres
    layout: Boxes3D  # after the move


class Mover:
    """The steps of one room; the layout must have no hidden elements."""

    def __init__(self, layout: Boxes3D) -> None:
        self.layout, self.boxes, self.room = layout, boxes_of(layout), room_of(layout)
        self.wrong = {(c.kind, c.first, c.second) for c in collisions(layout)}
        self.points = project(layout.centres, layout.camera)[0].tolist()

    def draw(
        self, index: int, allowed: Callable[[float, float], bool], random: np.random.RandomState
    ) -> Step | None:
        """A step of one element whose p is `allowed`; None after 24 tries. Draws two numbers a try."""
        moving = (index, *riders(self.layout, index, self.boxes))
        for _ in range(TRIES):
            length, angle = random.uniform(*DISTANCE), random.uniform(0, 2 * math.pi)
            step = self._step(index, moving, length, angle)
            if step is not None and allowed(step.dx, step.dy) and self._possible(step):
                return step
        return None

    def _step(self, index: int, moving: tuple[int, ...], length: float, angle: float) -> Step | None:
        layout, facing = self.layout, self.layout.facings[index]
        placement = PLACEMENT[layout.classes[index]]
        centre = layout.centres[index]
        dx, dy = length * math.cos(angle), length * math.sin(angle)
        axis = 1 if placement != "hung" else (2 if FACINGS[facing][0] == 0 else 0)
        shift = shift_in_plane(centre, layout.camera, axis, dx, dy)
        if shift is None or not bool((shift.abs() < FARTHEST).all()):
            return None
        centres = layout.centres.clone()
        centres[list(moving)] += shift
        x, y = project(centres[index], layout.camera)[0].tolist()
        dx, dy = x - self.points[index][0], y - self.points[index][1]
        after = replace(layout, centres=centres)
        return Step(index, moving, dx, dy, (float(shift[0]), float(shift[1]), float(shift[2])), after)

    def _possible(self, step: Step) -> bool:
        x, y = self.points[step.index]
        if not (0 <= x + step.dx <= 1 and 0 <= y + step.dy <= 1):
            return False
        boxes = boxes_of(step.layout)
        for i in step.moving:
            allowed = max(BEYOND, outside(self.boxes[i], self.room))
            if outside(boxes[i], self.room) > allowed or _at_lens(boxes[i], step.layout):
                return False
        found = {(c.kind, c.first, c.second) for c in collisions(step.layout)} - self.wrong
        return not any(kind == "within" for kind, _, _ in found)


def shift_in_plane(centre: Tensor, camera: Tensor, axis: int, dx: float, dy: float) -> Tensor | None:
    """(3,) the way within the plane of constant `axis` through a point that moves its projection by (dx, dy);
    None when the plane is nowhere there."""
    point = project(centre, camera)[0] + torch.tensor([dx, dy])
    found = on_plane(point, camera, axis, float(centre[axis]))
    return None if found is None else found - centre


def _at_lens(box: Box, layout: Boxes3D) -> bool:
    """Whether a box holds the camera or reaches behind it."""
    x, y, z = layout.camera[:3].tolist()
    points = corners(torch.tensor(box[:3]), torch.tensor(box[3:]))
    return box.holds(x, y, z, LENS) or bool((project(points, layout.camera)[1] < NEAR).any())
