"""Walls and floors: where a thing comes to stand when it is put somewhere.

A thing that belongs to a wall turns its back to the wall that it is near to and touches it; what hangs does
so always. What lies on something else comes down on the highest surface below it. Nothing leaves the room.
"""

from __future__ import annotations

from spatial_edit.edits.errors import EditError
from spatial_edit.layouts import Boxes3D
from spatial_edit.layouts.boxes3d import PLACEMENT
from spatial_edit.layouts.collisions import FRONT
from spatial_edit.layouts.furniture import (
    BEARERS,
    Box,
    boxes_of,
    name_of,
    quarters_between,
    room_of,
    surface_height,
    wall_gap,
)

MAGNET = 0.35  # metres: how near a wall pulls a thing to itself
HOLD = 0.15  # metres: how much a thing prefers the wall that it is at
WALLS = (0, 1, 2)  # facings of things at the back, left and right wall

Pose = tuple[Box, int]  # with its facing


def turned_box(box: Box, facing: int, other: int) -> Box:
    """The box when the thing turns from one facing to another, its centre staying."""
    if quarters_between(facing, other) % 2:
        return box._replace(hx=box.hz, hz=box.hx)
    return box


def kept_inside(box: Box, room: tuple[float, float, float]) -> Box:
    """The box moved into the room; one that is larger than the room comes to its middle."""
    width, depth, height = room
    return box._replace(
        x=_between(box.x, box.hx - width / 2, width / 2 - box.hx),
        y=_between(box.y, box.hy, height - box.hy),
        z=_between(box.z, FRONT + box.hz, depth - box.hz),
    )


def _between(value: float, low: float, high: float) -> float:
    return (low + high) / 2 if low > high else min(high, max(low, value))


def at_back(box: Box, facing: int, room: tuple[float, float, float]) -> Box:
    """The box moved to touch the wall behind it."""
    gap = wall_gap(box, facing, room)
    if facing == 0:
        return box._replace(z=box.z + gap)
    return box._replace(x=box.x - gap if facing == 1 else box.x + gap)


def snap_to_wall(layout: Boxes3D, index: int, box: Box, facing: int) -> Pose:
    """Where an element that was put at a box comes to stand: back to the wall that changes its place least,
    if it belongs to a wall and one is near; in the room in any case."""
    placement, room = PLACEMENT[layout.classes[index]], room_of(layout)
    best, least = (kept_inside(box, room), facing), float("inf")
    if placement not in ("wall", "hung"):
        return best
    for wall in WALLS:
        candidate = turned_box(box, facing, wall)
        if placement == "wall" and wall_gap(candidate, wall, room) > MAGNET:
            continue
        candidate = kept_inside(at_back(candidate, wall, room), room)
        cost = abs(candidate.x - box.x) + abs(candidate.z - box.z) - (HOLD if wall == facing else 0)
        if cost < least:
            best, least = (candidate, wall), cost
    return best


def check_centre(layout: Boxes3D, index: int, box: Box) -> None:
    """EditError when a thing is put with its centre outside the room: that is no slip of the hand."""
    width, depth, height = room_of(layout)
    if abs(box.x) > width / 2 or not FRONT <= box.z <= depth or not 0 <= box.y <= height:
        raise EditError(
            f"{name_of(layout, index)} would be outside the room: x must lie in [{-width / 2:.2f}, "
            f"{width / 2:.2f}], z in [{FRONT:g}, {depth:.2f}] and y in [0, {height:.2f}]"
        )


def surface_below(layout: Boxes3D, index: int, box: Box, ignore: list[int]) -> float:
    """Height of the highest surface under a box's centre that it can come down on; 0 is the floor."""
    boxes = boxes_of(layout)
    heights = [0.0]
    for i, other in enumerate(boxes):
        name = layout.classes[i]
        if i == index or i in ignore or layout.hidden[i] or name == "rug" or PLACEMENT[name] not in BEARERS:
            continue
        if PLACEMENT[name] != "top" and box.over(other, slack=0.0):
            heights.append(surface_height(layout, i, boxes))
    return max(heights)
