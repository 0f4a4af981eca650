"""Edits of one thing where it stands: resize, recolour, restyle, remove, hide, show, lock, unlock."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch

from spatial_edit.edits.boxes3d_catalogue import class_of_row
from spatial_edit.edits.boxes3d_motion import Motion, group, move_lights
from spatial_edit.edits.boxes3d_op import OfElement, put, with_boxes
from spatial_edit.edits.boxes3d_walls import at_back, kept_inside
from spatial_edit.edits.errors import EditError
from spatial_edit.layouts import Boxes3D
from spatial_edit.layouts.boxes3d import PLACEMENT, style_row
from spatial_edit.layouts.furniture import Box, at_wall, boxes_of, name_of, room_of


@dataclass(frozen=True)
class Resize(OfElement):
    """By a factor along each axis of the room, or to half sizes in metres."""

    op: ClassVar[str] = "resize"
    fx: float | None = None
    fy: float | None = None
    fz: float | None = None
    hx: float | None = None
    hy: float | None = None
    hz: float | None = None
    carry: bool = True

    def run(self, layout: Boxes3D) -> Boxes3D:
        index = self.index(layout)
        boxes = boxes_of(layout)
        scale = self._scale(layout, index, boxes[index])
        new = _resized(layout, index, boxes, scale)
        moving = group(layout, index, self.carry, boxes)
        origin, to = _foot(boxes[index]), _foot(new)
        motion = Motion(origin, to, scale=scale)
        changed = {index: new}
        for i in moving[1:]:
            changed[i] = _ride(layout, i, boxes[i], motion)
        result = with_boxes(layout, changed)
        return move_lights(layout, result, moving, motion) if self.carry else result

    def _scale(self, layout: Boxes3D, index: int, box: Box) -> tuple[float, float, float]:
        factors, halves = (self.fx, self.fy, self.fz), (self.hx, self.hy, self.hz)
        if all(value is None for value in (*factors, *halves)):
            raise EditError(
                f"no new size of {name_of(layout, index)} is given: send fx, fy, fz or hx, hy, hz"
            )
        scale = []
        for axis, factor, half, old in zip("xyz", factors, halves, box[3:], strict=True):
            if factor is not None and half is not None:
                raise EditError(f"both f{axis} and h{axis} are given: send one of them")
            scale.append(half / old if half is not None else 1.0 if factor is None else factor)
        return scale[0], scale[1], scale[2]


def _foot(box: Box) -> tuple[float, float, float]:
    return box.x, box.bottom, box.z


def _resized(layout: Boxes3D, index: int, boxes: list[Box], scale: tuple[float, float, float]) -> Box:
    """The box in its new size: it stands, or hangs, where it did, and its back stays at its wall."""
    box, placement, room = boxes[index], PLACEMENT[layout.classes[index]], room_of(layout)
    new = box._replace(hx=box.hx * scale[0], hy=box.hy * scale[1], hz=box.hz * scale[2])
    if placement == "ceiling":
        new = new._replace(y=box.top - new.hy)
    elif placement != "hung":
        new = new._replace(y=box.bottom + new.hy)
    if at_wall(layout, index, boxes):
        new = at_back(new, layout.facings[index], room)
    width, depth, height = room
    for size, limit, name in ((new.hx, width, "wide"), (new.hz, depth, "deep"), (new.hy, height, "high")):
        if 2 * size > limit:
            raise EditError(
                f"{name_of(layout, index)} would be {2 * size:.2f} m {name}, the room has {limit:.2f} m: "
                f"make it smaller, or the room larger"
            )
    return kept_inside(new, room) if kept_inside(box, room) == box else new


def _ride(layout: Boxes3D, index: int, box: Box, motion: Motion) -> Box:
    """A rider keeps its size and its share of the way across and up; a curtain grows with its window."""
    if layout.classes[index] == "curtain":
        x, y, z = motion.point((box.x, box.y, box.z))
        return box._replace(x=x, y=y, z=z, hy=box.hy * motion.scale[1])
    x, y, z = motion.point(_foot(box))
    return box._replace(x=x, y=y + box.hy, z=z)


@dataclass(frozen=True)
class Recolour(OfElement):
    """To a display colour."""

    op: ClassVar[str] = "recolour"
    r: float
    g: float
    b: float

    def run(self, layout: Boxes3D) -> Boxes3D:
        index = self.index(layout)
        colours = layout.colours.clone()
        colours[index] = torch.tensor([self.r, self.g, self.b])
        return replace(layout, colours=colours)


@dataclass(frozen=True)
class Restyle(OfElement):
    """Another look of the same class: a variant of the style bank, or a row."""

    op: ClassVar[str] = "restyle"
    variant: int | None = None
    row: int | None = None

    def run(self, layout: Boxes3D) -> Boxes3D:
        index = self.index(layout)
        name = layout.classes[index]
        if (self.variant is None) == (self.row is None):
            raise EditError("a restyle needs a variant or a row: send one of them")
        row = style_row(name, self.variant) if self.variant is not None else self._row(name)
        return replace(layout, rows=put(layout.rows, index, row))

    def _row(self, name: str) -> int:
        assert self.row is not None
        try:
            other = class_of_row(self.row)
        except ValueError as error:
            raise EditError(str(error)) from error
        if other != name:
            raise EditError(
                f"row {self.row} is the look of a {other}: choose a row of a {name}, or a variant"
            )
        return self.row


@dataclass(frozen=True)
class Remove(OfElement):
    """Away, with what rests on it; the lights stay."""

    op: ClassVar[str] = "remove"
    carry: bool = True

    def run(self, layout: Boxes3D) -> Boxes3D:
        gone = set(group(layout, self.index(layout), self.carry, boxes_of(layout)))
        return layout.select([i for i in range(len(layout)) if i not in gone])


@dataclass(frozen=True)
class Hide(OfElement):
    """Not drawn, nor what rests on it; the lights stay."""

    op: ClassVar[str] = "hide"
    carry: bool = True
    value: ClassVar[bool] = True

    def run(self, layout: Boxes3D) -> Boxes3D:
        changed = set(group(layout, self.index(layout), self.carry, boxes_of(layout)))
        hidden = tuple(self.value if i in changed else old for i, old in enumerate(layout.hidden))
        return replace(layout, hidden=hidden)


@dataclass(frozen=True)
class Show(Hide):
    """Drawn again, with what rests on it."""

    op: ClassVar[str] = "show"
    value: ClassVar[bool] = False


@dataclass(frozen=True)
class Lock(OfElement):
    """Refuses every change but unlock."""

    op: ClassVar[str] = "lock"
    through_lock: ClassVar[bool] = True
    value: ClassVar[bool] = True

    def run(self, layout: Boxes3D) -> Boxes3D:
        return replace(layout, locked=put(layout.locked, self.index(layout), self.value))


@dataclass(frozen=True)
class Unlock(Lock):
    """Takes changes again."""

    op: ClassVar[str] = "unlock"
    value: ClassVar[bool] = False
