"""Furniture: how the boxes of a room rest on each other, and what hangs at what.

Plain numbers in metres; nothing is changed here. A thing rests on another when its centre is over it and its
bottom is near the other's top. Bedding lies inside the box of its bed, whose top is that of the headboard;
a cushion on a chair likewise.
"""

from __future__ import annotations

from typing import NamedTuple

import torch

from spatial_edit.layouts.boxes3d import FACINGS, KEY_NORMAL, KEY_POSITION, LAMP_POSITION, PLACEMENT, Boxes3D

ON_FLOOR = 0.06  # a bottom below this height rests on the floor
NEAR_TOP = (-0.12, 0.08)  # of a bottom over the top that it rests on
NEAR_WALL = 0.1  # of a back from its wall
WINDOW_GAP = 0.3  # between a curtain and its window, along the wall
SEATS = {"bed": 0.45, "chair": 0.42}  # height of the surface within a box whose top is a back
BEARERS = ("floor", "wall", "top")  # placements of things that others can rest on
Triple = tuple[float, float, float]
CYCLE = (0, 1, 3, 2)  # facings counter-clockwise as seen from above, the back wall at the top


class Box(NamedTuple):
    """Centre and half extents."""

    x: float
    y: float
    z: float
    hx: float
    hy: float
    hz: float

    @property
    def bottom(self) -> float:
        return self.y - self.hy

    @property
    def top(self) -> float:
        return self.y + self.hy

    def holds(self, x: float, y: float, z: float, margin: float = 0.0) -> bool:
        """Whether a point lies within the box, grown by a margin."""
        d = (abs(x - self.x) - self.hx, abs(y - self.y) - self.hy, abs(z - self.z) - self.hz)
        return max(d) < margin

    def over(self, other: Box, slack: float = 0.02) -> bool:
        """Whether this box's centre is above or below the other's floor plan."""
        return abs(self.x - other.x) < other.hx + slack and abs(self.z - other.z) < other.hz + slack


def boxes_of(layout: Boxes3D) -> list[Box]:
    """One Box an element, in the layout's order."""
    return [Box(*values) for values in torch.cat([layout.centres, layout.halves], -1).tolist()]


def name_of(layout: Boxes3D, index: int) -> str:
    """What sentences call an element: `the bed 3`."""
    return f"the {layout.classes[index]} {layout.ids[index]}"


def turned(facing: int, quarters: int) -> int:
    """The facing after quarter turns, counter-clockwise as seen from above."""
    return CYCLE[(CYCLE.index(facing) + quarters) % 4]


def quarters_between(facing: int, other: int) -> int:
    """0..3 quarter turns from one facing to another."""
    return (CYCLE.index(other) - CYCLE.index(facing)) % 4


def sideways(facing: int) -> bool:
    """Whether the front looks along x: the thing's width then lies along z."""
    return FACINGS[facing][0] != 0


def wall_gap(box: Box, facing: int, room: tuple[float, float, float]) -> float:
    """How far the box's back is from the wall behind it, negative within the wall; infinite for facing 3,
    which has none."""
    width, depth, _ = room
    gaps = (depth - box.z - box.hz, box.x - box.hx + width / 2, width / 2 - box.x - box.hx, float("inf"))
    return gaps[facing]


def at_wall(layout: Boxes3D, index: int, boxes: list[Box]) -> bool:
    """Whether the element's back touches the wall that it belongs to."""
    if PLACEMENT[layout.classes[index]] not in ("wall", "hung"):
        return False
    return abs(wall_gap(boxes[index], layout.facings[index], room_of(layout))) < NEAR_WALL


def room_of(layout: Boxes3D) -> tuple[float, float, float]:
    """Width, depth, height."""
    width, depth, height = layout.room.tolist()
    return width, depth, height


def surface_height(layout: Boxes3D, index: int, boxes: list[Box]) -> float:
    """Where things on an element stand: its top; the mattress of a bed, the seat of a chair."""
    box, name = boxes[index], layout.classes[index]
    if name not in SEATS:
        return box.top
    return min(box.top, box.bottom + min(SEATS[name], 2 * box.hy))


def supporter(layout: Boxes3D, index: int, boxes: list[Box]) -> int | None:
    """The position of what an element rests on, or of the window that a curtain belongs to; None when it
    stands on the floor, hangs, or floats."""
    name, box = layout.classes[index], boxes[index]
    if name == "curtain":
        return _window_of(layout, index, boxes)
    if PLACEMENT[name] not in BEARERS or box.bottom < ON_FLOOR:
        return None
    found = [i for i in range(len(layout)) if i != index and _bears(layout, i, index, boxes)]
    return max(found, key=lambda i: (boxes[i].top, -i), default=None)


def _bears(layout: Boxes3D, below: int, index: int, boxes: list[Box]) -> bool:
    name, base, box = layout.classes[below], boxes[below], boxes[index]
    if PLACEMENT[name] not in BEARERS or name == "rug" or not box.over(base):
        return False
    if base.bottom > box.bottom - 1e-3:
        return False
    for height in (base.top, surface_height(layout, below, boxes)):
        if NEAR_TOP[0] <= box.bottom - height <= NEAR_TOP[1]:
            return True
    return name in SEATS and PLACEMENT[layout.classes[index]] == "top" and box.bottom <= base.top


def _window_of(layout: Boxes3D, index: int, boxes: list[Box]) -> int | None:
    def gap(i: int) -> float:
        a, b = boxes[index], boxes[i]
        if sideways(layout.facings[index]):
            return abs(a.z - b.z) - a.hz - b.hz
        return abs(a.x - b.x) - a.hx - b.hx

    windows = [
        i
        for i, name in enumerate(layout.classes)
        if name == "window" and layout.facings[i] == layout.facings[index] and gap(i) < WINDOW_GAP
    ]
    return min(windows, key=gap, default=None)


def riders(layout: Boxes3D, index: int, boxes: list[Box]) -> list[int]:
    """Positions of everything that rests on an element or belongs to it, directly or not, in order."""
    return riders_among(supporters(layout, boxes), index)


def supporters(layout: Boxes3D, boxes: list[Box]) -> list[int | None]:
    """`supporter` of every element."""
    return [supporter(layout, i, boxes) for i in range(len(layout))]


def riders_among(below: list[int | None], index: int) -> list[int]:
    """`riders`, given what every element rests on."""
    found = {index}
    while True:
        more = {i for i, base in enumerate(below) if base in found and i not in found}
        if not more:
            return sorted(found - {index})
        found |= more


def carried(layout: Boxes3D, target: int) -> tuple[int, ...]:
    """The numbers of what comes along with an element: what stands on it, and a window's curtains. ValueError
    when there is no such element."""
    index = layout.index_of(target)
    return tuple(layout.ids[i] for i in riders(layout, index, boxes_of(layout)))


def key_light_at(layout: Boxes3D, boxes: list[Box]) -> int | None:
    """The position of the window or ceiling lamp that the key light shines from; None when none is near."""
    x, y, z = layout.lights[KEY_POSITION].tolist()
    from_window = bool(layout.lights[KEY_NORMAL].abs().sum() > 0.1)
    name, margin = ("window", 0.3) if from_window else ("ceiling lamp", 0.4)
    return _nearest(layout, boxes, (x, y, z), (name,), margin)


def lamp_light_at(layout: Boxes3D, boxes: list[Box]) -> int | None:
    """The position of the lamp that the small light shines from; None when none is near."""
    x, y, z = layout.lights[LAMP_POSITION].tolist()
    return _nearest(layout, boxes, (x, y, z), ("lamp", "floor lamp"), 0.15)


def _nearest(
    layout: Boxes3D,
    boxes: list[Box],
    point: tuple[float, float, float],
    names: tuple[str, ...],
    margin: float,
) -> int | None:
    x, y, z = point
    near = [i for i, b in enumerate(boxes) if layout.classes[i] in names and b.holds(x, y, z, margin)]
    return min(near, key=lambda i: (boxes[i].x - x) ** 2 + (boxes[i].z - z) ** 2, default=None)
