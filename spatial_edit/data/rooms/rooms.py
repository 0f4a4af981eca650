"""Rooms: a batch of procedural bedrooms as tensors, ready to be rendered or edited.

Axes in metres: x to the right (0 in the middle), y up from the floor, z from the camera towards the back
wall.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from spatial_edit.data.rooms.vocabulary import ABSENT_Y, FIELD, INSTANCE_ID, SHELL


@dataclass(frozen=True, slots=True, eq=False)
class Rooms:
    """A batch of B scenes of P primitives each. Tensors are float32, with B in front, unless told otherwise.

    table (B, 5 + P, F): the rows of `vocabulary.FIELDS`, shell first.
    kinds, occluders, instances: per primitive its shape, whether it casts shadows, and its instance id; the
    same in all rooms.
    width, depth, height (B,): the room spans x in ±width/2, y in 0..height, z up to depth (no front wall).
    camera (B, 3); yaw, pitch, fov (B,) in radians, fov being the full horizontal angle.
    key_* (B, 3): the main light, window or ceiling, an area of half extents `key_extent` that shines along
    `key_normal` (0: to all sides).
    lamp_* (B, 3): a small second light; its colour is 0 where it is off. ambient (B, 3), exposure (B,).
    time_of_day (B,) int64: 0 day, 1 evening, 2 night. floor_colour, wall_colour (B, 3): display values 0..1.
    """

    table: Tensor
    kinds: tuple[int, ...]
    occluders: tuple[bool, ...]
    instances: tuple[int, ...]
    width: Tensor
    depth: Tensor
    height: Tensor
    camera: Tensor
    yaw: Tensor
    pitch: Tensor
    fov: Tensor
    key_position: Tensor
    key_extent: Tensor
    key_normal: Tensor
    key_colour: Tensor
    lamp_position: Tensor
    lamp_colour: Tensor
    ambient: Tensor
    exposure: Tensor
    time_of_day: Tensor
    floor_colour: Tensor
    wall_colour: Tensor

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, index: int | slice) -> Rooms:
        """The chosen rooms, as views; a single number gives a batch of one. IndexError when there is no such
        room."""
        if isinstance(index, int):
            position = index + len(self) if index < 0 else index
            if not 0 <= position < len(self):
                raise IndexError(f"room {index} was asked for, there are {len(self)}")
            index = slice(position, position + 1)
        return self._map(lambda value: value[index])

    def to(self, device: str | torch.device) -> Rooms:
        """The same rooms on another device."""
        return self._map(lambda value: value.to(device))

    def present(self) -> Tensor:
        """(B, P) bool: which primitives each room really has."""
        return self.table[:, SHELL:, FIELD["cy"]] > ABSENT_Y / 2

    def has(self, name: str) -> Tensor:
        """(B,) bool: the rooms that have the instance `name`; always true for the shell. KeyError for an
        unknown name."""
        number = INSTANCE_ID[name]
        if number < SHELL:
            return torch.ones(len(self), dtype=torch.bool, device=self.table.device)
        slots = [slot for slot, instance in enumerate(self.instances) if instance == number]
        return self.present()[:, slots].any(1)

    def _map(self, function: Callable[[Tensor], Tensor]) -> Rooms:
        """The same rooms with `function` applied to every tensor."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        changes: dict[str, Any] = {name: function(v) for name, v in values.items() if isinstance(v, Tensor)}
        return replace(self, **changes)
