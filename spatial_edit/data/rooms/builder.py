"""Builder: rooms under construction. Adds primitives to slots and finds free places on walls and on the
floor.

A place is looked for by trying a fixed number of random positions and taking the first that touches nothing
placed before; where none is free, the room goes without the object. Boxes are axis-aligned throughout:
nothing is rotated.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from spatial_edit.data.rooms.draws import Draws
from spatial_edit.data.rooms.vocabulary import (
    ABSENT_Y,
    CENTRE,
    HALF,
    INSTANCE_ID,
    SEMANTIC_OF_INSTANCE,
    Kind,
    Texture,
)

Number = float | Tensor  # one value for all rooms, or one a room
Triple = Sequence[Number]  # of three

BACK, LEFT, RIGHT = 0, 1, 2  # walls


class Place(NamedTuple):
    """Where an object of a batch stands: centre and half extents (B, 3), wall (B,) and whether the room has
    it (B,)."""

    centre: Tensor
    half: Tensor
    wall: Tensor
    found: Tensor


class Builder:
    """Walls, the primitives added so far, and the volumes already taken."""

    def __init__(self, draws: Draws, pattern_scale: float) -> None:
        self.draws = draws
        self.pattern_scale = pattern_scale
        self.width, self.depth, self.height = (
            draws.uniform(3.2, 5.2),
            draws.uniform(3.6, 5.2),
            draws.uniform(2.4, 3.0),
        )
        self.one = torch.ones(draws.count)
        self.rows: list[Tensor] = []  # P tensors (B, F)
        self.kinds: list[int] = []
        self.occluders: list[bool] = []
        self.instances: list[int] = []
        self.taken: list[tuple[Tensor, Tensor, Tensor]] = []  # centre, half, present

    def full(self, value: Number | bool) -> Tensor:
        """(B,) the value as one a room."""
        return value if isinstance(value, Tensor) else self.one * float(value)

    def soften(self, colour: Tensor, second: Tensor) -> Tensor:
        """The second colour of a pattern, drawn towards the first by `pattern_scale`."""
        return second if self.pattern_scale == 1.0 else colour + (second - colour) * self.pattern_scale

    def add(
        self, kind: Kind, name: str, centre: Triple, half: Triple, colour: Tensor, valid: Tensor | bool, *,
        tex: Number = Texture.FLAT, second: Tensor | None = None, tp: Triple = (0, 0, 0), bevel: Number = 0.0,
        face: tuple[Number, Number] = (0, 0), glow: Number = 0.0, taper: Number = 1.0, occluder: bool = True,
        patterned: bool = False,
    ) -> None:  # fmt: skip
        """One primitive of instance `name`; rooms that are not `valid` keep an empty slot."""
        second = colour if second is None else second
        if patterned:
            second = self.soften(colour, second)
        number = INSTANCE_ID[name]
        values = (
            *centre, *half, bevel, kind, tex, *colour.unbind(-1), *second.unbind(-1), *tp, *face, glow,
            SEMANTIC_OF_INSTANCE[number], number, taper, 0.0,
        )  # fmt: skip
        row = torch.stack([self.full(value).float() for value in values], -1)  # (B, F)
        absent = row.clone()
        absent[:, CENTRE], absent[:, HALF] = torch.tensor([0.0, ABSENT_Y, 0.0]), 1e-3
        self.rows.append(torch.where(self.full(valid).bool()[:, None], row, absent))
        self.kinds.append(int(kind))
        self.occluders.append(occluder)
        self.instances.append(number)

    def take(self, centre: Tensor, half: Tensor, valid: Tensor) -> None:
        """Marks a box as occupied in the rooms where `valid`."""
        self.taken.append((centre, half, valid))

    def overlaps(self, centre: Tensor, half: Tensor, margin: float = 0.03) -> Tensor:
        """(B,) or (B, tries) bool: whether boxes (…, 3), grown by `margin` metres, touch a volume already
        taken."""
        touched = torch.zeros(centre.shape[:-1], dtype=torch.bool)
        for other, extent, valid in self.taken:
            if centre.dim() == 3:
                other, extent, valid = other[:, None], extent[:, None], valid[:, None]
            touched |= ((centre - other).abs() < half + extent + margin).all(-1) & valid
        return touched

    def wall_box(
        self, wall: Tensor, along: Tensor, width: Tensor, depth: Tensor, low: Tensor, height: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Centre and half extents (B, 3) of a box whose back touches `wall`, at coordinate `along` it, from
        `low` upwards."""
        cx = torch.where(
            wall == BACK,
            along,
            torch.where(wall == LEFT, -self.width / 2 + depth / 2, self.width / 2 - depth / 2),
        )
        cz = torch.where(wall == BACK, self.depth - depth / 2, along)
        hx = torch.where(wall == BACK, width / 2, depth / 2)
        hz = torch.where(wall == BACK, depth / 2, width / 2)
        return torch.stack([cx, low + height / 2, cz], -1), torch.stack([hx, height / 2, hz], -1)

    def place_on_wall(
        self, width: Number, depth: Number, low: Number, height: Number, wanted: Tensor, *,
        wall: Tensor | None = None, first: Tensor | None = None, nearest: float = 1.3, margin: float = 0.03,
        tries: int = 10,
    ) -> Place:  # fmt: skip
        """A free place against a wall (drawn unless given); on side walls not nearer to the camera than z =
        `nearest`."""
        width, depth, low, height = self.full(width), self.full(depth), self.full(low), self.full(height)
        walls = self.draws.choice((0.4, 0.3, 0.3), tries)  # (B, tries)
        if wall is not None:
            walls = wall[:, None].expand(-1, tries)
        share = self.draws.uniform(0.0, 1.0, tries)
        wide = width[:, None]
        lowest = torch.where(
            walls == BACK, -self.width[:, None] / 2 + wide / 2 + 0.02, self.full(nearest)[:, None] + wide / 2
        )
        highest = torch.where(
            walls == BACK, self.width[:, None] / 2 - wide / 2 - 0.02, self.depth[:, None] - wide / 2 - 0.02
        )
        along = lowest + (highest - lowest).clamp(min=0) * share
        if first is not None:
            along = torch.cat([first[:, None], along[:, 1:]], 1)
        boxes = [self.wall_box(walls[:, i], along[:, i], width, depth, low, height) for i in range(tries)]
        centre, half = (torch.stack(part, 1) for part in zip(*boxes, strict=True))  # (B, tries, 3)
        free = ~self.overlaps(centre, half, margin) & (highest > lowest)
        return self._settle(centre, half, walls, free, wanted)

    def place_on_floor(
        self, radius: Tensor, height: Tensor, wanted: Tensor, corner: float = 0.0, tries: int = 12
    ) -> Place:
        """A free place on the floor at z > 1.7 (nearer things are dark and cut off); `corner` > 0 keeps to
        the side walls."""
        nearest = 1.7
        x = (self.draws.uniform(0.0, 1.0, tries) * 2 - 1) * (self.width / 2 - radius - 0.05)[:, None]
        z = nearest + self.draws.uniform(0.0, 1.0, tries) * (self.depth - nearest - radius - 0.05)[:, None]
        if corner:
            x = (
                torch.sign(x)
                * (self.width / 2 - radius - 0.08)[:, None]
                * (1 - corner * self.draws.uniform(0.0, 1.0, tries))
            )
        centre = torch.stack([x, (height / 2)[:, None].expand(-1, tries), z], -1)  # (B, tries, 3)
        half = torch.stack([radius, height / 2, radius], -1)[:, None].expand(-1, tries, 3)
        free = ~self.overlaps(centre, half, 0.05)
        return self._settle(centre, half, torch.zeros_like(free, dtype=torch.int64), free, wanted)

    def _settle(self, centre: Tensor, half: Tensor, walls: Tensor, free: Tensor, wanted: Tensor) -> Place:
        """The first free try of each room, marked as taken."""
        first, row = free.float().argmax(1), torch.arange(len(free))
        place = Place(centre[row, first], half[row, first], walls[row, first], free.any(1) & wanted)
        self.take(place.centre, place.half, place.found)
        return place


def facing(wall: Tensor) -> tuple[Tensor, Tensor]:
    """x and z of the direction (B,) that looks from a wall into the room."""
    fx = torch.where(wall == BACK, 0.0, torch.where(wall == LEFT, 1.0, -1.0))
    return fx, torch.where(wall == BACK, -1.0, 0.0)
