"""Snapping: a sampled room brought to rest.

A sampler's boxes are a few centimetres off: wardrobes float beside their wall, lamps over their
nightstand. Here everything gets the place that its class implies (walls, floor, ceiling, the thing it stands
on), in the order bed, window, furniture at walls, things that stand free; what intersects something placed
before is moved a little along its wall or over the floor, and left out when no free place is near. Nothing is
learned and nothing is random."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from spatial_edit.generators.box3d.parts import MAX_PARTS, PART_WIDTH, BoxBatch
from spatial_edit.generators.box3d.vector import SLOT_NAMES
from spatial_edit.layouts.boxes3d import (
    CAMERA_RANGE,
    KEY_EXTENT,
    KEY_NORMAL,
    KEY_POSITION,
    LAMP_COLOUR,
    LAMP_POSITION,
    ROOM_RANGE,
)

ORDER = (
    "bed", "window", "nightstand_l", "nightstand_r", "wardrobe", "bookshelf", "dresser", "door", "curtain_l",
    "curtain_r", "painting_a", "painting_b", "mirror", "plant", "chair", "pouf", "floor_lamp",
)  # fmt: skip
AT_WALL = (*ORDER[:13],)
HUNG = ("window", "painting_a", "painting_b", "mirror", "curtain_l", "curtain_r")
SUPPORT = {
    "pillow_l": "bed", "pillow_r": "bed", "cushion": "bed", "lamp_l": "nightstand_l",
    "lamp_r": "nightstand_r", "decor_a": "dresser", "decor_b": "dresser",
    "curtain_l": "window", "curtain_r": "window",
}  # fmt: skip
GAP = 0.02  # metres between things that do not touch
STEPS = (0.1, -0.1, 0.2, -0.2, 0.35, -0.35, 0.5, -0.5, 0.7, -0.7, 0.9, -0.9)  # metres to move out of the way
NEAREST = 0.4  # z of the nearest edge of what is at a wall
MATTRESS = 1  # number of the bed's part that pillows lie on


@dataclass
class _Room:
    """One room while it is put in order; boxes as lists of [x, y, z] by slot name."""

    size: list[float]
    centre: dict[str, list[float]]
    half: dict[str, list[float]]
    facing: dict[str, int]
    there: dict[str, bool]
    mattress: float = 0.5

    def overlaps(self, name: str, other: str, slack: float = GAP / 2) -> bool:
        """Whether two boxes share space by more than `slack` metres; only at the headboard's wall is a bed
        as high as its box."""
        if other == "bed" and name in HUNG and self.facing[name] != self.facing["bed"]:
            top = self.centre["bed"][1] + self.half["bed"][1] * self.mattress
            if self.centre[name][1] - self.half[name][1] > top:
                return False
        return all(
            abs(a - b) < g + h - slack
            for a, b, g, h in zip(
                self.centre[name], self.centre[other], self.half[name], self.half[other], strict=True
            )
        )


@torch.no_grad()
def snap(batch: BoxBatch, fixed: Tensor | None = None) -> BoxBatch:
    """The rooms with everything in its place; boxes and presences change, and lights that hang on them.

    fixed (B, 26) bool: boxes that stay as they are, and that the others make room for."""
    rooms = [_snap(batch.at(i), None if fixed is None else fixed[i]) for i in range(len(batch.room))]
    return BoxBatch(*(torch.cat(values) for values in zip(*rooms, strict=True)))


def _snap(batch: BoxBatch, fixed: Tensor | None) -> BoxBatch:
    low, high = (torch.tensor([r[i] for r in ROOM_RANGE]) for i in (0, 1))
    size = torch.minimum(torch.maximum(batch.room[0].cpu(), low), high)
    room = _Room(
        size.tolist(),
        dict(zip(SLOT_NAMES, batch.centres[0].tolist(), strict=True)),
        dict(zip(SLOT_NAMES, batch.halves[0].tolist(), strict=True)),
        dict(zip(SLOT_NAMES, batch.facings[0].tolist(), strict=True)),
        dict(zip(SLOT_NAMES, batch.exists[0].tolist(), strict=True)),
    )
    mattress = batch.rows[0, SLOT_NAMES.index("bed")].view(MAX_PARTS, PART_WIDTH)[MATTRESS]
    room.mattress = float(mattress[2] + mattress[5])  # its top, in half heights from the bed's middle
    before = {name: list(place) for name, place in room.centre.items()}
    held = set() if fixed is None else {n for n, f in zip(SLOT_NAMES, fixed.tolist(), strict=True) if f}
    placed = [name for name in ORDER if name in held and room.there[name]]
    for name in ORDER:
        if room.there[name] and name not in held:
            _settle(room, name, before, placed)
    _supported(room, before, held)
    _loose(room, held)
    return _result(batch, room, size)


def _settle(room: _Room, name: str, before: dict[str, list[float]], placed: list[str]) -> None:
    """Put one thing against its wall or on the floor, out of the way of what is placed."""
    support = SUPPORT.get(name)
    if support and not room.there[support]:
        room.there[name] = False
        return
    if support or name.startswith("nightstand"):
        follow = support or "bed"
        _turn(room, name, room.facing[follow])
        moved = [a - b for a, b in zip(room.centre[follow], before[follow], strict=True)]
        room.centre[name] = [a + b for a, b in zip(room.centre[name], moved, strict=True)]
    elif name in AT_WALL and room.facing[name] == 3:
        _turn(room, name, _nearest_wall(room, name))
    _fit(room, name)
    others = [other for other in placed if SUPPORT.get(name) != other and SUPPORT.get(other) != name]
    if not _free(room, name, others) and not _move_aside(room, name, others):
        room.there[name] = False
        return
    placed.append(name)


def _turn(room: _Room, name: str, facing: int) -> None:
    """A quarter turn to `facing`: the box's x and z extents change places when the axis does."""
    if (room.facing[name] in (0, 3)) != (facing in (0, 3)):
        x, y, z = room.half[name]
        room.half[name] = [z, y, x]
    room.facing[name] = facing


def _nearest_wall(room: _Room, name: str) -> int:
    (x, _, z), (hx, _, hz) = room.centre[name], room.half[name]
    gaps = (room.size[1] - z - hz, x - hx + room.size[0] / 2, room.size[0] / 2 - x - hx)
    return min(range(3), key=lambda wall: gaps[wall])


def _fit(room: _Room, name: str) -> None:
    """Inside the room; with its back at the wall it faces away from; on the floor unless it hangs."""
    width, depth, height = room.size
    half, place = room.half[name], room.centre[name]
    for axis, most in enumerate((width / 2 - 0.05, height / 2, depth / 2)):
        half[axis] = min(half[axis], most)
    place[0] = min(max(place[0], half[0] - width / 2), width / 2 - half[0])
    place[2] = max(min(place[2], depth - half[2]), half[2] + NEAREST if name in AT_WALL else -depth)
    place[1] = min(max(place[1], half[1]), height - half[1])
    if name in AT_WALL:
        wall = room.facing[name]
        if wall == 0:
            place[2] = depth - half[2]
        else:
            place[0] = half[0] - width / 2 if wall == 1 else width / 2 - half[0]
    if name not in HUNG:
        place[1] = half[1]


def _free(room: _Room, name: str, others: list[str]) -> bool:
    return not any(room.overlaps(name, other) for other in others)


def _move_aside(room: _Room, name: str, others: list[str]) -> bool:
    """Try places along the wall, or around on the floor; the old place again when none is free."""
    start = list(room.centre[name])
    if name in AT_WALL:
        axis = 0 if room.facing[name] == 0 else 2
        shifts = [[s if i == axis else 0.0 for i in range(3)] for s in STEPS]
    else:
        shifts = [[a, 0.0, b] for a in (0.0, *STEPS) for b in (0.0, *STEPS)]
        shifts.sort(key=lambda shift: shift[0] ** 2 + shift[2] ** 2)
    for shift in shifts:
        room.centre[name] = [a + b for a, b in zip(start, shift, strict=True)]
        _fit(room, name)
        if _free(room, name, others):
            return True
    room.centre[name] = start
    return False


def _supported(room: _Room, before: dict[str, list[float]], held: set[str]) -> None:
    """What stands or lies on something: at the same place on it, resting on its top."""
    for name, support in SUPPORT.items():
        if name.startswith("curtain") or not room.there[name] or name in held:
            continue
        if not room.there[support]:
            room.there[name] = False
            continue
        place, half = room.centre[name], room.half[name]
        under, reach = room.centre[support], room.half[support]
        for axis in (0, 2):
            offset = place[axis] - before[support][axis]
            free = max(reach[axis] - half[axis], 0.0)
            place[axis] = under[axis] + (0.0 if name.startswith("lamp") else min(max(offset, -free), free))
        if support == "bed":
            top = under[1] + reach[1] * room.mattress
            place[1] = top + (0.75 * half[1] if name != "cushion" else 0.12)
        else:
            place[1] = under[1] + reach[1] + half[1]
    for lamp in ("lamp_l", "lamp_r"):
        for curtain in ("curtain_l", "curtain_r"):
            both = room.there[lamp] and room.there[curtain] and curtain not in held
            if both and room.overlaps(lamp, curtain, slack=0.05):
                room.there[curtain] = False
    loose = all(room.there[name] and name not in held for name in ("pillow_l", "pillow_r"))
    if loose and room.overlaps("pillow_l", "pillow_r"):
        along = 0 if room.facing["bed"] == 0 else 2
        gap = room.half["pillow_l"][along] + room.half["pillow_r"][along]
        middle = (room.centre["pillow_l"][along] + room.centre["pillow_r"][along]) / 2
        room.centre["pillow_l"][along], room.centre["pillow_r"][along] = middle - gap / 2, middle + gap / 2


def _loose(room: _Room, held: set[str]) -> None:
    """The rug on the floor, the ceiling lamp at the ceiling."""
    if room.there["rug"] and "rug" not in held:
        room.half["rug"][1] = 0.008
        _fit(room, "rug")
    if room.there["ceiling_lamp"] and "ceiling_lamp" not in held:
        _fit(room, "ceiling_lamp")
        room.centre["ceiling_lamp"][1] = room.size[2] - room.half["ceiling_lamp"][1]


def _result(batch: BoxBatch, room: _Room, size: Tensor) -> BoxBatch:
    def gathered(values: dict[str, list[float]]) -> Tensor:
        return torch.tensor([[values[name] for name in SLOT_NAMES]], dtype=batch.centres.dtype)

    exists = torch.tensor([[room.there[name] for name in SLOT_NAMES]])
    facings = torch.tensor([[room.facing[name] for name in SLOT_NAMES]])
    device = batch.room.device
    return batch._replace(
        room=size[None].to(device),
        camera=_camera(batch.camera[0].cpu(), size)[None].to(device),
        exists=exists.to(device),
        facings=facings.to(device),
        centres=gathered(room.centre).to(device),
        halves=gathered(room.half).to(device),
        lights=_lights(batch.lights[0].cpu(), room, size)[None].to(device),
    )


def _camera(camera: Tensor, size: Tensor) -> Tensor:
    """Within its range and between the side walls, under the ceiling, before the back wall."""
    low, high = (torch.tensor([r[i] for r in CAMERA_RANGE]) for i in (0, 1))
    reach = size[0] / 2 - 0.2
    low[0], high[0], high[1] = -reach, reach, size[2] - 0.2
    return torch.minimum(torch.maximum(camera, low), high)


def _lights(lights: Tensor, room: _Room, size: Tensor) -> Tensor:
    """The key light comes through the window or from the ceiling; the small lamp from a lamp's shade."""
    lights = lights.clone()
    normal = lights[KEY_NORMAL]
    if room.there["window"] and float(normal.abs().sum()) > 0.5:
        wall = room.facing["window"]
        normal = torch.tensor([[0.0, 0.0, -1.0], [1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]][wall])
        lights[KEY_POSITION] = torch.tensor(room.centre["window"]) + 0.12 * normal
        lights[KEY_EXTENT] = torch.tensor(room.half["window"]) * (1 - normal.abs())
    else:
        normal = torch.zeros(3)
        lights[KEY_EXTENT] = torch.tensor([0.2, 0.0, 0.2])
        lights[KEY_POSITION][1] = torch.minimum(lights[KEY_POSITION][1], size[2] - 0.3)
    lights[KEY_NORMAL] = normal
    lights[9:12] = lights[9:12].clamp(min=0)
    lights[15:22] = lights[15:22].clamp(min=0)
    shades = [name for name in ("lamp_l", "lamp_r", "floor_lamp") if room.there[name]]
    if not shades:
        lights[LAMP_COLOUR] = 0
    elif float(lights[LAMP_COLOUR].sum()) > 0:
        up = torch.tensor([0.0, 0.6, 0.0])
        tops = [torch.tensor(room.centre[n]) + up * room.half[n][1] for n in shades]
        nearest = min(tops, key=lambda p: float((p - lights[LAMP_POSITION]).square().sum()))
        lights[LAMP_POSITION] = nearest
    return lights
