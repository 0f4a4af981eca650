"""Edits that move a thing: slide, place, lift, turn, swap, stack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from spatial_edit.edits.boxes3d_motion import Motion, group, move_all, move_lights, move_to
from spatial_edit.edits.boxes3d_op import OfElement, find
from spatial_edit.edits.boxes3d_spots import spot_on
from spatial_edit.edits.boxes3d_walls import (
    at_back,
    check_centre,
    kept_inside,
    snap_to_wall,
    surface_below,
    turned_box,
)
from spatial_edit.edits.errors import EditError
from spatial_edit.layouts import Boxes3D
from spatial_edit.layouts.boxes3d import PLACEMENT
from spatial_edit.layouts.furniture import (
    BEARERS,
    Box,
    at_wall,
    boxes_of,
    name_of,
    quarters_between,
    riders,
    room_of,
    supporter,
    surface_height,
    turned,
)


@dataclass(frozen=True)
class Slide(OfElement):
    """By metres over the floor; see boxes3d.py for what snapping does."""

    op: ClassVar[str] = "slide"
    dx: float
    dz: float
    snap: bool = True
    carry: bool = True

    def run(self, layout: Boxes3D) -> Boxes3D:
        index = self.index(layout)
        box = boxes_of(layout)[index]
        wanted = box._replace(x=box.x + self.dx, z=box.z + self.dz)
        return _set_down(layout, index, (wanted, layout.facings[index]), self.snap, self.carry)


@dataclass(frozen=True)
class Place(OfElement):
    """With its centre at a point; the height and the facing stay unless they are given."""

    op: ClassVar[str] = "place"
    x: float
    z: float
    y: float | None = None
    facing: int | None = None
    snap: bool = True
    carry: bool = True

    def run(self, layout: Boxes3D) -> Boxes3D:
        index = self.index(layout)
        box, was = boxes_of(layout)[index], layout.facings[index]
        facing = was if self.facing is None else self.facing
        y = box.y if self.y is None else self.y
        wanted = turned_box(box, was, facing)._replace(x=self.x, y=y, z=self.z)
        return _set_down(layout, index, (wanted, facing), self.snap, self.carry, rest=self.y is None)


@dataclass(frozen=True)
class Lift(OfElement):
    """By metres upwards."""

    op: ClassVar[str] = "lift"
    dy: float
    carry: bool = True

    def run(self, layout: Boxes3D) -> Boxes3D:
        index = self.index(layout)
        box = boxes_of(layout)[index]
        return move_to(layout, index, (box.x, box.y + self.dy, box.z), layout.facings[index], self.carry)


@dataclass(frozen=True)
class Turn(OfElement):
    """By quarter turns, counter-clockwise as seen from above."""

    op: ClassVar[str] = "turn"
    quarters: int
    carry: bool = True

    def run(self, layout: Boxes3D) -> Boxes3D:
        index = self.index(layout)
        was = layout.facings[index]
        if PLACEMENT[layout.classes[index]] == "hung":
            raise EditError(f"{name_of(layout, index)} hangs at a wall: slide it to another wall to turn it")
        facing = turned(was, self.quarters)
        box = kept_inside(turned_box(boxes_of(layout)[index], was, facing), room_of(layout))
        return move_to(layout, index, box[:3], facing, self.carry)


@dataclass(frozen=True)
class Swap(OfElement):
    """Exchanges the places of two elements."""

    op: ClassVar[str] = "swap"
    with_: int
    carry: bool = True

    def run(self, layout: Boxes3D) -> Boxes3D:
        first, second = self.index(layout), Swap(self.with_, self.target).index(layout)
        boxes = boxes_of(layout)
        _check_exchange(layout, first, second, boxes)
        result = layout
        for index, other in ((first, second), (second, first)):
            moving = group(layout, index, self.carry, boxes)
            box, facing = _in_place_of(layout, index, other, boxes)
            quarters = quarters_between(layout.facings[index], facing)
            motion = Motion(boxes[index][:3], box[:3], quarters)
            result = move_all(result, moving, motion, lights=False)
            result = move_lights(layout, result, moving, motion) if self.carry else result
        return result


@dataclass(frozen=True)
class Stack(OfElement):
    """Puts the element on top of another one, where there is room."""

    op: ClassVar[str] = "stack"
    on: int
    carry: bool = True

    def run(self, layout: Boxes3D) -> Boxes3D:
        index, base = self.index(layout), find(layout, self.on)
        boxes = boxes_of(layout)
        _check_stack(layout, index, base, boxes)
        was = layout.facings[index]
        turns = PLACEMENT[layout.classes[index]] == "top"
        facing = layout.facings[base] if turns else was
        box = turned_box(boxes[index], was, facing)
        x, z, _ = spot_on(layout, base, box, ignore=[index, *riders(layout, index, boxes)])
        y = surface_height(layout, base, boxes) + box.hy
        return move_to(layout, index, (x, y, z), facing, self.carry)


def _set_down(
    layout: Boxes3D, index: int, pose: tuple[Box, int], snap: bool, carry: bool, rest: bool = True
) -> Boxes3D:
    """The element at a pose, snapped to what is there; with `rest`, things that lie on others come down."""
    boxes = boxes_of(layout)
    riding = riders(layout, index, boxes)
    box, facing = pose
    if snap:
        check_centre(layout, index, box)
        box, facing = snap_to_wall(layout, index, box, facing)
        below = supporter(layout, index, boxes)
        hangs = PLACEMENT[layout.classes[index]] in ("hung", "ceiling")
        lies = not hangs and (below is not None or PLACEMENT[layout.classes[index]] == "top")
        if rest and lies and not (below is not None and box.over(boxes[below])):
            box = box._replace(y=surface_below(layout, index, box, riding) + box.hy)
    return move_to(layout, index, box[:3], facing, carry)


def _check_exchange(layout: Boxes3D, first: int, second: int, boxes: list[Box]) -> None:
    names = f"{name_of(layout, first)} and {name_of(layout, second)}"
    if first == second:
        raise EditError(f"{name_of(layout, first)} cannot change places with itself: name another one")
    if second in riders(layout, first, boxes) or first in riders(layout, second, boxes):
        raise EditError(f"{names} cannot change places: one rests on the other")
    kinds = [PLACEMENT[layout.classes[i]] for i in (first, second)]
    if kinds[0] != kinds[1] and {"hung", "ceiling"} & set(kinds):
        raise EditError(f"{names} cannot change places: one hangs and the other stands")


def _in_place_of(layout: Boxes3D, index: int, other: int, boxes: list[Box]) -> tuple[Box, int]:
    """Box and facing of an element that takes another one's place: back where its back is, at its height."""
    facing, there = layout.facings[index], boxes[other]
    placement = PLACEMENT[layout.classes[index]]
    if placement == PLACEMENT[layout.classes[other]] and placement in ("wall", "hung"):
        facing = layout.facings[other]
    box = turned_box(boxes[index], layout.facings[index], facing)
    heights = {"hung": there.y, "ceiling": there.top - box.hy}
    box = box._replace(x=there.x, y=heights.get(placement, there.bottom + box.hy), z=there.z)
    if at_wall(layout, other, boxes) and facing == layout.facings[other]:
        box = at_back(box, facing, room_of(layout))
    return kept_inside(box, room_of(layout)), facing


def _check_stack(layout: Boxes3D, index: int, base: int, boxes: list[Box]) -> None:
    what, on = name_of(layout, index), name_of(layout, base)
    if index == base:
        raise EditError(f"{what} cannot stand on itself: name another one")
    if PLACEMENT[layout.classes[index]] not in BEARERS or layout.classes[index] == "door":
        raise EditError(f"{what} cannot stand on anything: slide or lift it instead")
    if PLACEMENT[layout.classes[base]] not in BEARERS or layout.classes[base] in ("rug", "door"):
        raise EditError(f"nothing can stand on {on}: choose a piece of furniture")
    if base in riders(layout, index, boxes):
        raise EditError(f"{what} cannot stand on {on}, which rests on it: move that first")
