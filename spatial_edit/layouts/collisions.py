"""Collisions: what is wrong in a room. Things within each other, in the air, or beyond the walls.

Some things may touch: bedding sinks into a bed, a rug lies under everything, curtains hang before their
window, and what rests on something may sink into it a little. Hidden elements do not count. The share of
sampled rooms in which `collisions` finds anything is a metric.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from spatial_edit.layouts.boxes3d import FACINGS, PLACEMENT, Boxes3D
from spatial_edit.layouts.furniture import (
    NEAR_WALL,
    ON_FLOOR,
    Box,
    boxes_of,
    name_of,
    room_of,
    supporters,
    surface_height,
    wall_gap,
)

DEEP = 0.05  # metres that two boxes may lie within each other: bevels, blankets and leaves are part of a box
SHARE = 0.5  # of the thinner one, when that is less: a picture is 4 cm thick
FRONT = -0.5  # z of the nearest place: the room has no front wall, and rugs reach beyond its edge
BEYOND = 0.06  # metres that a box may reach into a wall
HEADBOARD = 0.05  # half its thickness
_BEDDING = {"bed", "pillow", "cushion"}
_AT_WINDOW = {"window", "curtain"}


@dataclass(frozen=True)
class Collision:
    """One thing that is wrong. `first` and `second` are numbers of elements; second is None unless two
    elements lie within each other."""

    kind: Literal["within", "floating", "outside"]
    first: int
    second: int | None = None

    def sentence(self, layout: Boxes3D) -> str:
        """What is wrong, in words: `the chair 9 now stands in the bed 0`."""
        first = name_of(layout, layout.index_of(self.first))
        if self.kind == "floating":
            return f"{first} now hangs in the air"
        if self.kind == "outside":
            return f"{first} now reaches outside the room"
        assert self.second is not None
        return f"{first} now stands in {name_of(layout, layout.index_of(self.second))}"


def collisions(layout: Boxes3D) -> tuple[Collision, ...]:
    """Everything that is wrong with the visible elements: pairs first, then floating, then outside."""
    layout = layout.visible()
    boxes = boxes_of(layout)
    below = supporters(layout, boxes)
    solids = [_solids(layout, i, boxes) for i in range(len(layout))]
    found = [
        Collision("within", layout.ids[j], layout.ids[i])
        for i in range(len(layout))
        for j in range(i + 1, len(layout))
        if not _may_touch(layout, i, j, below) and any(within(a, b) for a in solids[i] for b in solids[j])
    ]
    each = range(len(layout))
    found += [Collision("floating", layout.ids[i]) for i in each if _floats(layout, i, boxes[i], below[i])]
    found += [
        Collision("outside", layout.ids[i]) for i in each if outside(boxes[i], room_of(layout)) > BEYOND
    ]
    return tuple(found)


def within(a: Box, b: Box, deep: float = DEEP) -> bool:
    """Whether two boxes lie within each other by more than `deep` on every axis."""
    for ca, cb, ha, hb in ((a.x, b.x, a.hx, b.hx), (a.y, b.y, a.hy, b.hy), (a.z, b.z, a.hz, b.hz)):
        if ha + hb - abs(ca - cb) <= min(deep, SHARE * 2 * min(ha, hb)):
            return False
    return True


def outside(box: Box, room: tuple[float, float, float]) -> float:
    """By how many metres the box reaches through a wall, the floor, the ceiling or the room's front edge; 0
    or less when it is inside."""
    width, depth, height = room
    return max(
        abs(box.x) + box.hx - width / 2,
        box.z + box.hz - depth,
        FRONT - (box.z - box.hz),
        -box.bottom,
        box.top - height,
    )


def _solids(layout: Boxes3D, index: int, boxes: list[Box]) -> tuple[Box, ...]:
    """What of a box is full: of a bed the mattress and, where its box is higher, the headboard."""
    box = boxes[index]
    if layout.classes[index] != "bed":
        return (box,)
    half = (surface_height(layout, index, boxes) - box.bottom) / 2
    x, z = FACINGS[layout.facings[index]]  # the headboard is at the other side
    deep = box.hx if x else box.hz
    board = box._replace(
        x=box.x - x * (deep - HEADBOARD), z=box.z - z * (deep - HEADBOARD),
        hx=HEADBOARD if x else box.hx, hz=HEADBOARD if z else box.hz,
    )  # fmt: skip
    return box._replace(y=box.bottom + half, hy=half), board


def _may_touch(layout: Boxes3D, i: int, j: int, below: list[int | None]) -> bool:
    names = {layout.classes[i], layout.classes[j]}
    if "rug" in names or names <= _BEDDING or names <= _AT_WINDOW:
        return True
    return below[i] == j or below[j] == i


def _floats(layout: Boxes3D, index: int, box: Box, below: int | None) -> bool:
    placement = PLACEMENT[layout.classes[index]]
    if placement == "ceiling":
        return room_of(layout)[2] - box.top > NEAR_WALL
    if placement == "hung":
        return abs(wall_gap(box, layout.facings[index], room_of(layout))) > NEAR_WALL
    return box.bottom > ON_FLOOR and below is None
