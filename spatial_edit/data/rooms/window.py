"""The window, the view through it, and its curtains."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from spatial_edit.data.rooms.bed import Bed
from spatial_edit.data.rooms.builder import BACK, Builder, Place, facing
from spatial_edit.data.rooms.draws import hsv, pick
from spatial_edit.data.rooms.palette import DAY, EVENING, NIGHT, Palette
from spatial_edit.data.rooms.vocabulary import Kind, Texture

BLINDS = 10  # tp0 of a window above 9 means blinds, of tp0 - 10 slats


@dataclass(frozen=True, slots=True)
class Window:
    """Where the window is, and (B,) in metres: width, height of the sill, height of the glass."""

    place: Place
    face: tuple[Tensor, Tensor]
    width: Tensor
    sill: Tensor
    height: Tensor


def add_window(builder: Builder, palette: Palette, bed: Bed) -> Window:
    """A window beside or across from the bed, with panes or blinds, and curtains in most rooms."""
    draws, one = builder.draws, builder.one
    u, chance = draws.uniform, draws.chance
    width, height, sill = u(0.9, 2.0), u(1.0, 1.5), u(0.7, 1.0)
    height = torch.minimum(height, builder.height - sill - 0.25)
    side = torch.where(chance(0.5), 1, 2)
    beside = torch.where(chance(0.4), 0 * side, side)
    across = torch.where(chance(0.6), 0 * side, 3 - bed.wall)
    wall = torch.where(bed.wall == BACK, beside, across)
    width = torch.where(wall == bed.wall, torch.minimum(width, one * 1.3), width)
    headboard = torch.stack([bed.centre[:, 0], bed.headboard / 2, bed.centre[:, 2]], -1)
    builder.take(
        headboard, torch.stack([bed.half[:, 0], bed.headboard / 2, bed.half[:, 2]], -1), bed.wall == BACK
    )
    place = builder.place_on_wall(
        width, 0.05, sill, height, chance(0.88), wall=wall, nearest=1.6, margin=0.02
    )
    window = Window(place, facing(place.wall), width, sill, height)
    _add_glass(builder, palette, window)
    _add_curtains(builder, palette, window)
    return window


def _add_glass(builder: Builder, palette: Palette, window: Window) -> None:
    draws, time = builder.draws, palette.time
    u, n = draws.uniform, draws.normal
    day = hsv(0.57 + 0.02 * n(), u(0.12, 0.5), u(0.9, 1.0))
    evening = draws.colour((0.02, 0.1), (0.35, 0.65), (0.75, 1.0))
    night = hsv(0.63 + 0.02 * n(), u(0.5, 0.8), u(0.06, 0.16))
    sky = pick(time == DAY, day, pick(time == EVENING, evening, night))
    land = pick(time == NIGHT, sky * 0.4, draws.colour((0.2, 0.38), (0.2, 0.6), (0.3, 0.65)))
    blinds = draws.chance(0.2)
    slats, panes = BLINDS + u(6, 10), torch.floor(u(1, 4))
    tp = torch.where(blinds, slats, panes), torch.floor(u(1, 3)), u(0.15, 0.55)
    bright, dim = u(1.1, 1.8), u(0.7, 1.2)
    glow = torch.where(time == DAY, bright, torch.where(time == EVENING, dim, 0.25 * builder.one))
    centre, half, _, found = window.place
    builder.add(
        Kind.BOX, "window", centre.unbind(-1), half.unbind(-1), sky, found, tex=Texture.WINDOW, second=land,
        tp=tp, face=window.face, glow=glow, occluder=False,
    )  # fmt: skip


def _add_curtains(builder: Builder, palette: Palette, window: Window) -> None:
    draws, one, wall = builder.draws, builder.one, window.place.wall
    u, chance = draws.uniform, draws.chance
    wanted, half_width = window.place.found & chance(0.72), u(0.16, 0.34)
    colour = pick(chance(0.5), palette.accent, pick(chance(0.5), palette.linen, palette.accent2))
    top = torch.minimum(window.sill + window.height + 0.18, builder.height - 0.03)
    low = torch.where(chance(0.6), 0.03 * one, window.sill - 0.15)  # to the floor, or to the sill
    middle = torch.where(wall == BACK, window.place.centre[:, 0], window.place.centre[:, 2])
    for side, name in ((-1, "curtain_l"), (1, "curtain_r")):
        along = middle + side * (window.width / 2 + half_width * 0.35)
        width, depth = half_width * 2 * 0.8, 0.12 * one
        centre, half = builder.wall_box(wall, along, width, depth, low, top - low)
        blocked = builder.overlaps(centre, half, -0.01)
        high = torch.maximum(window.sill - 0.12, low)
        short_centre, short_half = builder.wall_box(wall, along, width, depth, high, top - high)
        inside = torch.where(
            wall == BACK,
            along.abs() + half_width * 0.8 < builder.width / 2,
            along + half_width * 0.8 < builder.depth,
        )
        centre, half = pick(blocked, short_centre, centre), pick(blocked, short_half, half)
        builder.add(
            Kind.BOX, name, centre.unbind(-1), half.unbind(-1), colour, wanted & inside, tex=Texture.PLEATS,
            tp=(u(0.08, 0.13), u(), 0), face=window.face,
        )  # fmt: skip
        builder.take(centre, half, wanted & inside)
