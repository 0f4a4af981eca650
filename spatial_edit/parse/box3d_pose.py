"""Pose: the geometry of a scene as one vector for a search, in which everything keeps its place.

The vector is the logarithm of the room's size, the camera (its field of view as a logarithm), then of every
element place 3 and the logarithm of half its extents 3. What stands at a wall or hangs there stays at it
when the room grows, what stands on the floor stays there, and what lies or stands on something goes along
with it: its place is told in half extents of what carries it. So any vector is a room in order, but for
collisions."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from spatial_edit.generators.box3d.parts import BoxBatch
from spatial_edit.generators.box3d.renderer import Box3DGenerator, layout_of
from spatial_edit.generators.box3d.snap import SUPPORT
from spatial_edit.generators.box3d.vector import SLOT_NAMES
from spatial_edit.layouts import Boxes3D, Scene
from spatial_edit.layouts.boxes3d import (
    CLASSES,
    KEY_EXTENT,
    KEY_NORMAL,
    KEY_POSITION,
    LAMP_COLOUR,
    LAMP_POSITION,
    PLACEMENT,
)

ROOM_SPREAD = (0.06, 0.06, 0.04)  # how far off a reading may be: logarithms of width, depth, height
CAMERA_SPREAD = (0.15, 0.1, 0.2, 0.05, 0.03, 0.05)  # metres 3, radians 2, logarithm of the field of view
PLACE_SPREAD = (0.08, 0.12, 0.06)  # shares of width / 2, metres, shares of depth
CARRIED_SPREAD = 0.2  # half extents of what carries
EXTENT_SPREAD = 0.12
BEDDING = ("pillow", "cushion")
FLAT = ("window", "painting", "mirror", "door", "television", "curtain")  # their thickness is not searched
FIRST = 9  # entries of room and camera


@dataclass(frozen=True)
class _Rules:
    """(K,) of every element: bound to which wall (0 back, 1 left, 2 right, -1 none), to the ceiling, carried
    by which element (or itself), and how its height is told."""

    wall: Tensor
    ceiling: Tensor
    carrier: Tensor
    carried: Tensor
    on_top: Tensor  # stands on what carries it


class Pose:
    """A scene's geometry to search in. start (D,), spread (D,): how far off each entry may be; 0: not to be
    searched."""

    def __init__(self, generator: Box3DGenerator, scene: Scene) -> None:
        layout = scene.layout
        if not isinstance(layout, Boxes3D):
            raise ValueError(f"only rooms of boxes can be refined so, this layout is '{layout.kind}'")
        self.scene, self.layout = scene, layout
        self.base = generator.batch_of([scene]) if len(layout) else None
        self.rules = _rules(layout)
        self.start = self._encode()
        self.spread = self._spreads()

    def _encode(self) -> Tensor:
        layout, rules = self.layout, self.rules
        room, centres, halves = layout.room, layout.centres, layout.halves
        place = torch.stack(
            [centres[:, 0] / (room[0] / 2), centres[:, 1] - halves[:, 1], centres[:, 2] / room[1]], 1
        )
        under, reach = centres[rules.carrier], halves[rules.carrier]
        relative = (centres - under) / reach
        relative[:, 1] = torch.where(
            rules.on_top, centres[:, 1] - halves[:, 1] - under[:, 1] - reach[:, 1], relative[:, 1]
        )
        place = torch.where(rules.carried[:, None], relative, place)
        camera = torch.cat([layout.camera[:5], layout.camera[5:].log()])
        elements = torch.cat([place, halves.log()], 1)
        self.gaps = self._gaps(room, centres, halves)
        return torch.cat([room.log(), camera, elements.flatten()])

    def _gaps(self, room: Tensor, centres: Tensor, halves: Tensor) -> Tensor:
        """(K, 2) metres between each element and its wall, and its ceiling."""
        x, y, z = centres.unbind(-1)
        hx, hy, hz = halves.unbind(-1)
        sides = torch.stack([room[1] - z - hz, x - hx + room[0] / 2, room[0] / 2 - x - hx], 1)
        wall = sides.gather(1, self.rules.wall.clamp(min=0)[:, None])[:, 0]
        return torch.stack([wall, room[2] - y - hy], 1)

    def _spreads(self) -> Tensor:
        layout, rules = self.layout, self.rules
        spread = torch.tensor([*PLACE_SPREAD, *[EXTENT_SPREAD] * 3]).repeat(len(layout), 1)
        for k, name in enumerate(layout.classes):
            placement, sideways = PLACEMENT[name], layout.facings[k] in (1, 2)
            if rules.carried[k]:
                spread[k, :3] = CARRIED_SPREAD
                spread[k, 1] = 0.0
            if name == "lamp" or placement == "ceiling":
                spread[k, 1] = 0.0
            if name == "lamp":
                spread[k, :3] = 0.0
            if rules.wall[k] >= 0:
                spread[k, 0 if sideways else 2] = 0.0
            if placement in ("wall", "floor"):
                spread[k, 1] = 0.0
            if name in FLAT:
                spread[k, 3 if sideways else 5] = 0.0
            if name == "rug":
                spread[k, 4] = 0.0
        return torch.cat([torch.tensor([*ROOM_SPREAD, *CAMERA_SPREAD]), spread.flatten()])

    def rooms(self, vectors: Tensor) -> BoxBatch:
        """The rooms of vectors (B, D)."""
        assert self.base is not None
        count = len(vectors)
        room, camera = vectors[:, :3].exp(), vectors[:, 3:FIRST]
        camera = torch.cat([camera[:, :5], camera[:, 5:].exp()], 1)
        elements = vectors[:, FIRST:].unflatten(1, (-1, 6))
        centres, halves = self._place(room, elements[..., :3], elements[..., 3:].exp())
        same = BoxBatch(*(value.expand(count, *value.shape[1:]) for value in self.base))
        return same._replace(room=room, camera=camera, centres=centres, halves=halves)

    def _place(self, room: Tensor, told: Tensor, halves: Tensor) -> tuple[Tensor, Tensor]:
        """Centres and halves (B, K, 3) from places as the vector tells them."""
        rules = self.rules
        width, depth, height = (v[:, None] for v in room.unbind(1))
        hx, hy, hz = halves.unbind(-1)

        def at_walls(centres: Tensor) -> Tensor:
            x, y, z = centres.unbind(-1)
            gap = self.gaps[:, 0]
            z = torch.where(rules.wall == 0, depth - hz - gap, z)
            x = torch.where(rules.wall == 1, hx + gap - width / 2, x)
            x = torch.where(rules.wall == 2, width / 2 - hx - gap, x)
            return torch.stack([x, torch.where(rules.ceiling, height - hy - self.gaps[:, 1], y), z], -1)

        own = torch.stack([told[..., 0] * width / 2, told[..., 1] + hy, told[..., 2] * depth], -1)
        own = at_walls(own)
        under, reach = own[:, rules.carrier], halves[:, rules.carrier]
        carried = under + told * reach
        top = under[..., 1] + reach[..., 1] + hy + told[..., 1]
        carried[..., 1] = torch.where(rules.on_top, top, carried[..., 1])
        return torch.where(rules.carried[:, None], at_walls(carried), own), halves

    def scene_at(self, vector: Tensor) -> Scene:
        """The scene with the geometry of a vector (D,); lights go along with window and lamps."""
        if not len(self.layout):
            return self.scene
        rooms = self.rooms(vector[None])
        found = layout_of(rooms, list(range(len(self.layout))), list(self.layout.rows))
        layout = replace(
            self.layout, room=found.room, camera=found.camera, centres=found.centres, halves=found.halves
        )
        return replace(self.scene, layout=replace(layout, lights=_lights(self.layout, layout)))


def _rules(layout: Boxes3D) -> _Rules:
    names = [SLOT_NAMES[row] if row < len(SLOT_NAMES) else "" for row in layout.rows]
    walls, carriers = [], []
    for k, name in enumerate(layout.classes):
        bound = PLACEMENT[name] in ("wall", "hung") and layout.facings[k] < 3
        walls.append(layout.facings[k] if bound else -1)
        under = SUPPORT.get(names[k], "")
        carriers.append(names.index(under) if under in names else k)
    carrier = torch.tensor(carriers, dtype=torch.long)
    carried = carrier != torch.arange(len(layout))
    standing = torch.tensor(
        [PLACEMENT[n] == "top" and n not in BEDDING for n in layout.classes], dtype=torch.bool
    )
    ceiling = torch.tensor([PLACEMENT[n] == "ceiling" for n in layout.classes], dtype=torch.bool)
    return _Rules(torch.tensor(walls, dtype=torch.long), ceiling, carrier, carried, carried & standing)


def _lights(before: Boxes3D, after: Boxes3D) -> Tensor:
    """The lights of `before` after its window and lamps went to where `after` has them."""
    lights = after.lights.clone()
    if "window" in before.classes and float(lights[KEY_NORMAL].abs().sum()) > 0.5:
        k = before.classes.index("window")
        lights[KEY_POSITION] += after.centres[k] - before.centres[k]
        lights[KEY_EXTENT] *= after.halves[k] / before.halves[k]
    shades = [k for k, name in enumerate(before.classes) if name in ("lamp", "floor lamp")]
    if shades and float(lights[LAMP_COLOUR].sum()) > 0:
        k = min(shades, key=lambda i: float((before.centres[i] - lights[LAMP_POSITION]).square().sum()))
        lights[LAMP_POSITION] += after.centres[k] - before.centres[k]
    return lights


assert set(PLACEMENT) == set(CLASSES)
