"""Spots: where in a room there is a place for another thing.

Places are tried in a fixed order, those in the picture first and then those near to where such a thing
usually is; the first that touches nothing is taken. No randomness: the same room gives the same spot.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from spatial_edit.edits.boxes3d_catalogue import CATALOGUE
from spatial_edit.edits.boxes3d_walls import WALLS, at_back, kept_inside, turned_box
from spatial_edit.layouts import Boxes3D
from spatial_edit.layouts.boxes3d import FACINGS, PLACEMENT
from spatial_edit.layouts.collisions import within
from spatial_edit.layouts.furniture import (
    BEARERS,
    Box,
    boxes_of,
    riders,
    room_of,
    sideways,
    surface_height,
)
from spatial_edit.layouts.perspective import NEAR, project

INWARD = 0.6  # share of a thing that must rest on what it is put on
STEP = 0.1  # metres between two places that are tried
APART = 0.04  # metres that stay free around a new thing
AROUND_CAMERA = 0.35

Pose = tuple[Box, int]


def find_spot(layout: Boxes3D, name: str, box: Box) -> Pose | None:
    """Box and facing of a free place for a thing of a class: its size is that of `box` at facing 0, the
    height of what hangs is that of `box`. None when there is no free place."""
    placement = PLACEMENT[name]
    if placement == "top":
        return _on_something(layout, name, box)
    if name == "curtain":
        beside = next(_beside_windows(layout, box), None)
        if beside is not None:
            return beside
    poses = list(_at_walls(layout, box) if placement in ("wall", "hung") else _over_floor(layout, box, name))
    taken = [b for i, b in enumerate(boxes_of(layout)) if _counts(layout, i, name)]
    free = [pose for pose in poses if _is_free(layout, pose[0], taken)]
    if not free:
        return None
    unseen = [not seen for seen in _in_picture(layout, free)]
    far = [_distance(layout, box, placement) for box, _ in free]
    return free[min(range(len(free)), key=lambda i: (unseen[i], far[i], i))]


def spot_on(layout: Boxes3D, base: int, box: Box, ignore: list[int]) -> tuple[float, float, bool]:
    """x and z on an element where a box touches nothing else that rests on it, and True; its middle (of a bed
    its head) and False when all is full."""
    boxes = boxes_of(layout)
    below = boxes[base]
    y = surface_height(layout, base, boxes) + box.hy
    others = [boxes[i] for i in riders(layout, base, boxes) if i not in ignore]
    room_x, room_z = max(0.0, below.hx - INWARD * box.hx), max(0.0, below.hz - INWARD * box.hz)
    tries = [(below.x + room_x * i / 4, below.z + room_z * j / 4) for i in range(-4, 5) for j in range(-4, 5)]
    x, z = FACINGS[layout.facings[base]] if layout.classes[base] == "bed" else (0.0, 0.0)
    middle = below.x - x * (below.hx - 0.3), below.z - z * (below.hz - 0.3)  # of a bed its head
    tries.sort(key=lambda p: abs(p[0] - middle[0]) + abs(p[1] - middle[1]))
    for x, z in tries:
        if not any(within(box._replace(x=x, y=y, z=z), other, 0.0) for other in others):
            return x, z, True
    return *tries[0], False


def missing_base(name: str) -> str:
    """What a thing that lies on others needs, in words."""
    return " or ".join(CATALOGUE[name].likes)


def _on_something(layout: Boxes3D, name: str, box: Box) -> Pose | None:
    """On the emptiest of the things that it likes to be on."""
    boxes = boxes_of(layout)
    bases = [
        (len(riders(layout, i, boxes)) if name != "pillow" else 0, CATALOGUE[name].likes.index(other), i)
        for i, other in enumerate(layout.classes)
        if other in CATALOGUE[name].likes and not layout.hidden[i] and PLACEMENT[other] in BEARERS
    ]
    poses: list[tuple[bool, Pose]] = []
    for _, _, base in sorted(bases):
        facing = layout.facings[base]
        new = turned_box(box, 0, facing)
        x, z, free = spot_on(layout, base, new, ignore=[])
        new = new._replace(x=x, y=surface_height(layout, base, boxes) + new.hy, z=z)
        poses.append((not free, (new, facing)))
    return min(poses, key=lambda pose: pose[0])[1] if poses else None


def _beside_windows(layout: Boxes3D, box: Box) -> Iterator[Pose]:
    """At both sides of every window that has no curtain there."""
    boxes, room = boxes_of(layout), room_of(layout)
    curtains = [b for b, name in zip(boxes, layout.classes, strict=True) if name == "curtain"]
    for i, name in enumerate(layout.classes):
        if name != "window":
            continue
        facing, window = layout.facings[i], boxes[i]
        for side in (-1, 1):
            new = turned_box(box, 0, facing)
            if sideways(facing):
                new = new._replace(x=window.x, z=window.z + side * (window.hz + new.hz * 0.4))
            else:
                new = new._replace(x=window.x + side * (window.hx + new.hx * 0.4), z=window.z)
            new = kept_inside(at_back(new, facing, room), room)
            if not any(within(new, other, 0.0) for other in curtains):
                yield new, facing


def _at_walls(layout: Boxes3D, box: Box) -> Iterator[Pose]:
    room = room_of(layout)
    width, depth, _ = room
    for facing in WALLS:
        new = turned_box(box, 0, facing)
        low, high = (new.hz, depth - new.hz) if sideways(facing) else (new.hx - width / 2, width / 2 - new.hx)
        for i in range(int(max(0.0, high - low) / STEP) + 1):
            along = low + i * STEP
            moved = new._replace(z=along) if sideways(facing) else new._replace(x=along)
            moved = at_back(moved, facing, room)
            if high >= low:
                yield moved, facing


def _over_floor(layout: Boxes3D, box: Box, name: str) -> Iterator[Pose]:
    width, depth, height = room_of(layout)
    y = height - box.hy if PLACEMENT[name] == "ceiling" else box.hy
    across, along = width / 2 - box.hx, depth - box.hz
    columns = int(2 * across / STEP) + 1 if across >= 0 else 0
    rows = int((along - box.hz) / STEP) + 1 if along >= box.hz else 0
    for i in range(columns):
        for j in range(rows):
            yield box._replace(x=i * STEP - across, y=y, z=box.hz + j * STEP), 0


def _counts(layout: Boxes3D, index: int, name: str) -> bool:
    """Whether an element takes up room for a new thing of a class: rugs and things do not mind each other."""
    if layout.hidden[index]:
        return False
    return (layout.classes[index] == "rug") == (name == "rug")


def _is_free(layout: Boxes3D, box: Box, taken: list[Box]) -> bool:
    grown = box._replace(hx=box.hx + APART, hz=box.hz + APART)
    if any(within(grown, other, 0.0) for other in taken):
        return False
    x, y, z = layout.camera[:3].tolist()
    return not box.holds(x, y, z, AROUND_CAMERA)


def _distance(layout: Boxes3D, box: Box, placement: str) -> float:
    """From the middle of the room; from the middle of the back wall for what belongs to a wall."""
    _, depth, _ = room_of(layout)
    middle = depth if placement in ("wall", "hung") else 0.55 * depth
    return abs(box.x) + abs(box.z - middle)


def _in_picture(layout: Boxes3D, poses: list[Pose]) -> list[bool]:
    points, depths = project(torch.tensor([pose[0][:3] for pose in poses]), layout.camera)
    inside = ((points > 0.08) & (points < 0.92)).all(-1) & (depths > NEAR)
    return inside.tolist()
