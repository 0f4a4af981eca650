"""Edits that bring something into the room: add and clone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch

from spatial_edit.edits.boxes3d_catalogue import CATALOGUE
from spatial_edit.edits.boxes3d_motion import Motion, move_all
from spatial_edit.edits.boxes3d_op import BoxEdit, OfElement, check_count, put, with_boxes
from spatial_edit.edits.boxes3d_spots import find_spot, missing_base
from spatial_edit.edits.boxes3d_walls import check_centre, snap_to_wall, surface_below, turned_box
from spatial_edit.edits.errors import EditError
from spatial_edit.edits.ops import next_number
from spatial_edit.layouts import Boxes3D
from spatial_edit.layouts.boxes3d import PLACEMENT, style_row
from spatial_edit.layouts.furniture import Box, boxes_of, name_of, quarters_between, riders, room_of


@dataclass(frozen=True)
class Add(BoxEdit):
    """A new thing of a class, from the style bank; where there is room, unless x and z say where."""

    op: ClassVar[str] = "add"
    class_: str
    x: float | None = None
    z: float | None = None
    y: float | None = None
    facing: int | None = None
    r: float | None = None
    g: float | None = None
    b: float | None = None
    variant: int = 0
    snap: bool = True

    def run(self, layout: Boxes3D) -> Boxes3D:
        check_count(layout, 1)
        given = [value is not None for value in (self.x, self.z)]
        if any(given) != all(given) or (not any(given) and (self.y is not None or self.facing is not None)):
            raise EditError("the place of the new thing is not whole: send x and z, or neither")
        colour = (self.r, self.g, self.b)
        if any(value is None for value in colour) and any(value is not None for value in colour):
            raise EditError("the colour of the new thing is not whole: send r, g and b, or none")
        entry = CATALOGUE[self.class_]
        new = _appended(
            layout, self.class_, style_row(self.class_, self.variant),
            entry.colour if self.r is None else (self.r, self.g or 0.0, self.b or 0.0),
        )  # fmt: skip
        box, facing = self._pose(layout, new)
        return with_boxes(new, {len(new) - 1: box}, {len(new) - 1: facing})

    def _pose(self, layout: Boxes3D, new: Boxes3D) -> tuple[Box, int]:
        """Where it goes: asked for, or found."""
        entry, room = CATALOGUE[self.class_], room_of(layout)
        half = min(entry.height, room[2] - entry.low) / 2
        box = Box(0.0, entry.low + half, 0.0, entry.width / 2, half, entry.depth / 2)
        if PLACEMENT[self.class_] == "ceiling":
            box = box._replace(y=room[2] - half)
        if self.x is None or self.z is None:
            pose = find_spot(layout, self.class_, box)
            if pose is None:
                raise EditError(_no_place(self.class_))
            return pose
        facing = self.facing or 0
        box = turned_box(box, 0, facing)._replace(x=self.x, z=self.z, y=box.y if self.y is None else self.y)
        if not self.snap:
            return box, facing
        index = len(new) - 1
        check_centre(new, index, box)
        box, facing = snap_to_wall(new, index, box, facing)
        if self.y is None and PLACEMENT[self.class_] == "top":
            box = box._replace(y=surface_below(new, index, box, []) + box.hy)
        return box, facing


@dataclass(frozen=True)
class Clone(OfElement):
    """A copy with what rests on it: beside it by (dx, dz) metres, or where there is room."""

    op: ClassVar[str] = "clone"
    through_lock: ClassVar[bool] = True
    dx: float | None = None
    dz: float | None = None
    carry: bool = True

    def run(self, layout: Boxes3D) -> Boxes3D:
        index = self.index(layout)
        boxes = boxes_of(layout)
        originals = [index, *(riders(layout, index, boxes) if self.carry else [])]
        check_count(layout, len(originals))
        result = layout
        for i in originals:
            copy = result.select([*range(len(result)), i])
            result = replace(
                copy,
                ids=put(copy.ids, len(copy) - 1, next_number(result)),
                locked=put(copy.locked, len(copy) - 1, False),
            )
        box, facing = self._pose(layout, index, boxes[index])
        quarters = quarters_between(layout.facings[index], facing)
        motion = Motion(boxes[index][:3], box[:3], quarters)
        return move_all(result, [*range(len(layout), len(result))], motion, lights=False)

    def _pose(self, layout: Boxes3D, index: int, box: Box) -> tuple[Box, int]:
        facing = layout.facings[index]
        if self.dx is not None or self.dz is not None:
            return box._replace(x=box.x + (self.dx or 0.0), z=box.z + (self.dz or 0.0)), facing
        stands_free = PLACEMENT[layout.classes[index]] in ("floor", "ceiling")
        pose = find_spot(layout, layout.classes[index], box if stands_free else turned_box(box, facing, 0))
        if pose is None:
            raise EditError(f"there is no free place for a copy of {name_of(layout, index)}: send dx and dz")
        return (pose[0], facing) if stands_free else pose


def _no_place(name: str) -> str:
    if PLACEMENT[name] == "top":
        return f"there is no {missing_base(name)} to put a {name} on: add one, or send x and z"
    return f"there is no free place for a {name}: remove something, or send x and z"


def _appended(layout: Boxes3D, name: str, row: int, colour: tuple[float, float, float]) -> Boxes3D:
    """The layout with one more element, whose box is still to be set."""

    def more(values: torch.Tensor, new: tuple[float, ...]) -> torch.Tensor:
        return torch.cat([values, torch.tensor([new], dtype=torch.float32)])

    return replace(
        layout,
        centres=more(layout.centres, (0.0, 0.0, 0.0)),
        halves=more(layout.halves, (0.1, 0.1, 0.1)),
        colours=more(layout.colours, colour),
        classes=(*layout.classes, name),
        facings=(*layout.facings, 0),
        ids=(*layout.ids, next_number(layout)),
        rows=(*layout.rows, row),
        hidden=(*layout.hidden, False),
        locked=(*layout.locked, False),
    )
