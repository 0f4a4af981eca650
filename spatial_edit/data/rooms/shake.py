"""Shake: rooms as people leave them after an afternoon of editing.

Sampled rooms are tidy: wardrobes at walls, cameras near the front. A model that is to be edited must also
have seen a bed in the middle of the room, a chair of another colour and a camera that has walked round.
`shake` moves, dyes and removes objects and moves the camera, all from one seed; the renderer draws the
truth."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from spatial_edit.data.rooms.rooms import Rooms
from spatial_edit.data.rooms.vocabulary import (
    ABSENT_Y,
    CENTRE,
    COLOUR,
    GROUPS,
    HALF,
    INSTANCE,
    LAMP_OF,
    SECOND_COLOUR,
    SHELL,
)

MOVED, DYED, REMOVED = 0.3, 0.2, 0.1  # share of the objects
REACH = 0.7  # metres: the farthest that an object is moved along each axis
_LEADER = {INSTANCE.index(part): INSTANCE.index(whole) for whole, parts in GROUPS.items() for part in parts}
_LEADER |= {INSTANCE.index(lamp): INSTANCE.index(stand) for stand, lamp in LAMP_OF.items()}


def shake(rooms: Rooms, seed: int) -> Rooms:
    """The rooms after random edits. What stands on an object moves and goes with it; lights stay."""
    random = torch.Generator().manual_seed(seed)
    count, kinds = len(rooms), len(INSTANCE)

    def draw(*shape: int) -> Tensor:
        return torch.rand(count, *shape, generator=random)

    shift = (draw(kinds, 2) * 2 - 1) * REACH * (draw(kinds) < MOVED)[..., None]
    gone, dyed = draw(kinds) < REMOVED, draw(kinds) < DYED
    dye = draw(kinds, 3)
    leader = torch.tensor([_LEADER.get(i, i) for i in range(kinds)])
    shift, gone = shift[:, leader], gone[:, leader]

    table = rooms.table.clone()
    rows, instances = table[:, SHELL:], torch.tensor(rooms.instances)
    present = rooms.present()
    rows[..., 0] += _kept_inside(rows, shift[:, instances, 0], rooms.width / 2, 0) * present
    rows[..., 2] += _kept_inside(rows, shift[:, instances, 1], rooms.depth, 2) * present
    _dye(rows, dye[:, instances], (dyed[:, instances] & present)[..., None])
    lost = gone[:, instances] & (instances != INSTANCE.index("bed"))
    nowhere = torch.tensor([0.0, ABSENT_Y, 0.0])
    rows[..., CENTRE] = torch.where(lost[..., None], nowhere, rows[..., CENTRE])
    rows[..., HALF] = torch.where(lost[..., None], 1e-3, rows[..., HALF])
    camera, yaw, pitch, fov = _walk(rooms, random)
    return replace(rooms, table=table, camera=camera, yaw=yaw, pitch=pitch, fov=fov)


def _kept_inside(rows: Tensor, shift: Tensor, limit: Tensor, axis: int) -> Tensor:
    """(B, P) the shift along an axis, none where it would push the primitive through a wall."""
    place = rows[..., axis] + shift
    low = -limit if axis == 0 else torch.full_like(limit, 0.8)
    half = rows[..., 3 + axis]
    inside = (place + half < limit[:, None] - 0.005) & (place - half > low[:, None] + 0.005)
    return torch.where(inside, shift, 0.0)


def _dye(rows: Tensor, dye: Tensor, chosen: Tensor) -> None:
    """Gives an object's primitives shades of a new colour."""
    for columns in (COLOUR, SECOND_COLOUR):
        shade = rows[..., columns].mean(-1, keepdim=True) * 0.8 + 0.3
        rows[..., columns] = torch.where(chosen, (dye * shade / 0.7).clamp(0, 1), rows[..., columns])


def _walk(rooms: Rooms, random: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Camera, yaw, pitch, fov: a step away, turned a little, another lens; never outside the side walls."""
    noise = torch.randn(len(rooms), 6, generator=random) * torch.tensor([0.35, 0.15, 0.3, 0.14, 0.06, 0.1])
    camera = rooms.camera + noise[:, :3]
    reach = rooms.width / 2 - 0.25
    x = torch.minimum(torch.maximum(camera[:, 0], -reach), reach)
    camera = torch.stack([x, camera[:, 1].clamp(0.6, 2.1), camera[:, 2].clamp(-1.4, 0.7)], 1)
    yaw = rooms.yaw + noise[:, 3] - 0.15 * noise[:, 0]
    return camera, yaw, rooms.pitch + noise[:, 4], rooms.fov * noise[:, 5].exp()
