"""Counterfactual: the same room with one object moved, recoloured or removed.

Nothing else of the scene changes: camera, lights, exposure and all other objects stay bit for bit, so the
renders of the room before and after differ by the edit and by the shadow and dimmed corners around it. Lights
stay where they are even when a window or a lamp moves or goes, so that a difference is the object's own; the
floor's bounce keeps the floor's old colour. A move is not checked for collisions: an object may end inside
another or behind a wall, which hides it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from spatial_edit.data.rooms.rooms import Rooms
from spatial_edit.data.rooms.vocabulary import (
    ABSENT_Y,
    CENTRE,
    COLOUR,
    FIELD,
    GROUPS,
    HALF,
    INSTANCE,
    INSTANCE_ID,
    LAMP_OF,
    SECOND_COLOUR,
    SHELL,
)  # fmt: skip

ALL = "all"
SHADES = (
    0.5,
    1.5,
)  # a recoloured part stays between these shares of the new colour, by its brightness among the parts


def edit(
    rooms: Rooms, index: int | str, object: str = "bed", dx: float = 0.0, dz: float = 0.0,
    recolour: Sequence[float] | None = None, remove: bool = False, with_lamp: bool = False,
) -> Rooms:  # fmt: skip
    """New rooms in which `object`, an instance name, is moved by (dx, dz) metres, recoloured, or removed.

    index: the room to edit, or "all" for every room that has the object. What stands on or hangs at the
    object comes along when it moves or goes: pillows with the bed, curtains with the window, decoration with
    the dresser, and with `with_lamp` the lamp with its nightstand. `recolour` is (red, green, blue) as
    display values in 0..1; it dyes the object alone, its parts keeping lighter and darker shades. Surfaces of
    the shell can only be recoloured.

    ValueError for an unknown object, one that the room does not have, no such room, a number that is not
    finite, a colour out of range, or a move of the shell.
    """
    if object not in INSTANCE_ID:
        raise ValueError(f"there is no object {object!r} in rooms; choose one of {', '.join(INSTANCE)}")
    if not (math.isfinite(dx) and math.isfinite(dz)):
        raise ValueError(f"the move is ({dx}, {dz}); give two finite numbers of metres")
    if INSTANCE_ID[object] < SHELL and (dx or dz or remove):
        raise ValueError(f"{object} is part of the room itself and stays; it can only be recoloured")
    chosen = _chosen(rooms, index, object)
    moving = [object, *GROUPS.get(object, ())]
    if with_lamp and object in LAMP_OF:
        moving.append(LAMP_OF[object])

    table = rooms.table.clone()
    if recolour is not None:
        _dye(table, rooms, chosen, object, _colour(recolour, table))
    rows = _rows_of(rooms, moving)
    if remove:
        _remove(table, rows, chosen)
    elif dx or dz:
        shift = torch.tensor([dx, 0.0, dz], device=table.device)
        there = _present(table, rows) & chosen[:, None]
        table[:, rows, CENTRE] += shift * there[..., None]
    return replace(rooms, table=table)


def _chosen(rooms: Rooms, index: int | str, name: str) -> Tensor:
    """(B,) bool: the rooms to edit, all of which have the object."""
    has = rooms.has(name)
    if index == ALL:
        if not has.any():
            raise ValueError(f"none of these {len(rooms)} rooms has a {name}; choose another object or seed")
        return has
    if not isinstance(index, int) or not 0 <= index < len(rooms):
        raise ValueError(f'there is no room {index!r}; use 0 to {len(rooms) - 1}, or "all"')
    if not has[index]:
        raise ValueError(f"room {index} has no {name}; choose an object that it has, or another room")
    return torch.arange(len(rooms), device=has.device) == index


def _rows_of(rooms: Rooms, names: list[str]) -> list[int]:
    """Table rows of these instances; of a shell surface its own row."""
    numbers = {INSTANCE_ID[name] for name in names}
    shell = [number for number in numbers if number < SHELL]
    return shell + [slot + SHELL for slot, instance in enumerate(rooms.instances) if instance in numbers]


def _present(table: Tensor, rows: list[int]) -> Tensor:
    """(B, len(rows)) bool"""
    return table[:, rows, FIELD["cy"]] > ABSENT_Y / 2


def _remove(table: Tensor, rows: list[int], chosen: Tensor) -> None:
    """Puts these rows where the sampler puts what a room does not have."""
    gone = table[:, rows].clone()
    gone[..., CENTRE], gone[..., HALF] = torch.tensor([0.0, ABSENT_Y, 0.0], device=table.device), 1e-3
    table[:, rows] = torch.where(chosen[:, None, None], gone, table[:, rows])


def _colour(values: Sequence[float], table: Tensor) -> Tensor:
    """(3,) the checked colour."""
    if len(values) != 3 or not all(0.0 <= value <= 1.0 for value in values):
        raise ValueError(f"the colour is {tuple(values)}; give red, green and blue between 0 and 1")
    return torch.tensor([float(value) for value in values], device=table.device)


def _dye(table: Tensor, rooms: Rooms, chosen: Tensor, name: str, colour: Tensor) -> None:
    """Gives the object's parts shades of one colour: as bright among each other as before, within
    `SHADES`.
    """
    rows = _rows_of(rooms, [name])
    part = table[:, rows]
    weight = _present(table, rows).float()[..., None]  # (B, N, 1)
    brightness = part[..., COLOUR].mean(-1, keepdim=True)
    usual = (brightness * weight).sum(1, keepdim=True) / weight.sum(1, keepdim=True).clamp(min=1)
    shade = (brightness / usual.clamp(min=0.02)).clamp(*SHADES)
    contrast = (part[..., SECOND_COLOUR].mean(-1, keepdim=True) / brightness.clamp(min=0.02)).clamp(*SHADES)
    dyed = part.clone()
    dyed[..., COLOUR] = (colour * shade).clamp(0, 1)
    dyed[..., SECOND_COLOUR] = (colour * shade * contrast).clamp(0, 1)
    table[:, rows] = torch.where(chosen[:, None, None], dyed, part)
