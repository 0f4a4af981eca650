"""What stands or hangs at a wall: wardrobe, bookshelf, dresser with decoration, door, paintings, mirror."""

from __future__ import annotations

import torch
from torch import Tensor

from spatial_edit.data.rooms.bed import Bed
from spatial_edit.data.rooms.builder import BACK, Builder, Place, facing
from spatial_edit.data.rooms.draws import pick
from spatial_edit.data.rooms.palette import Palette
from spatial_edit.data.rooms.vocabulary import Kind, Texture


def add_wall_furniture(builder: Builder, palette: Palette, bed: Bed) -> None:
    """Every piece that the room has space for, largest first."""
    _add_wardrobe(builder, palette)
    _add_bookshelf(builder, palette)
    _add_dresser(builder, palette)
    _add_door(builder, palette)
    for name, probability in (("painting_a", 0.75), ("painting_b", 0.45)):
        _add_painting(builder, bed, name, probability)
    _add_mirror(builder, palette)


def _add_wardrobe(builder: Builder, palette: Palette) -> None:
    draws, one = builder.draws, builder.one
    u = draws.uniform
    size = u(0.9, 1.8), u(0.5, 0.62), 0 * one, u(1.85, 2.25)
    centre, half, wall, found = builder.place_on_wall(*size, draws.chance(0.55), nearest=1.9)
    colour = pick(draws.chance(0.7), palette.furniture, palette.white)
    builder.add(
        Kind.BOX, "wardrobe", centre.unbind(-1), half.unbind(-1), colour, found,
        tex=torch.where(draws.chance(0.6), Texture.SHUTTER * one, Texture.DRAWERS * one),
        second=colour * 0.45, tp=(1, torch.floor(u(2, 4)), 0), face=facing(wall), bevel=0.01,
    )  # fmt: skip


def _add_bookshelf(builder: Builder, palette: Palette) -> None:
    u = builder.draws.uniform
    size = u(0.6, 1.1), 0.32, 0.0, u(1.2, 2.1)
    centre, half, wall, found = builder.place_on_wall(*size, builder.draws.chance(0.3), nearest=1.9)
    builder.add(
        Kind.BOX, "bookshelf", centre.unbind(-1), half.unbind(-1), palette.furniture, found,
        tex=Texture.BOOKS, second=palette.dark, tp=(torch.floor(u(3, 6)), u(0, 50), 0), face=facing(wall),
    )  # fmt: skip


def _add_dresser(builder: Builder, palette: Palette) -> None:
    u, chance = builder.draws.uniform, builder.draws.chance
    high = u(0.7, 0.95)
    wide, deep = u(0.8, 1.4), u(0.4, 0.5)
    place = builder.place_on_wall(wide, deep, 0.0, high, chance(0.6), nearest=1.7)
    centre, half, wall, found = place
    builder.add(
        Kind.BOX, "dresser", centre.unbind(-1), half.unbind(-1),
        pick(chance(0.8), palette.furniture, palette.accent2), found, tex=Texture.DRAWERS,
        second=palette.furniture * 0.4, tp=(torch.floor(u(2, 5)), torch.floor(u(1, 3)), 0), face=facing(wall),
        bevel=0.01,
    )  # fmt: skip
    _add_decoration(builder, palette, place, wide, high)


def _add_decoration(builder: Builder, palette: Palette, place: Place, wide: Tensor, high: Tensor) -> None:
    """On the dresser: a television, a vase with flowers, or nothing."""
    draws, one = builder.draws, builder.one
    u = draws.uniform
    centre, half, wall, found = place
    x, z = centre[:, 0], centre[:, 2]
    which = draws.choice((0.4, 0.3, 0.3))
    screen, tall = torch.minimum(u(0.6, 1.0), wide * 0.9), u(0.38, 0.55)
    hx = torch.where(wall == BACK, screen / 2, 0.03 * one)
    hz = torch.where(wall == BACK, 0.03 * one, screen / 2)
    builder.add(
        Kind.BOX, "decor_a", (x, high + tall / 2 + 0.03, z), (hx, tall / 2, hz), palette.dark * 0.6,
        found & (which == 0), tex=Texture.TELEVISION, second=palette.accent, tp=(u(0, 9), 0, 0),
        face=facing(wall), occluder=False,
    )  # fmt: skip
    shift = u(-0.3, 0.3) * wide
    vx, vz = x + torch.where(wall == BACK, shift, 0 * shift), z + torch.where(wall == BACK, 0 * shift, shift)
    vase = found & (which == 1)
    builder.add(
        Kind.CYLINDER, "decor_b", (vx, high + 0.14, vz), (0.07, 0.14, 0.07), palette.accent, vase, taper=0.6,
        occluder=False,
    )  # fmt: skip
    builder.add(
        Kind.ELLIPSOID, "decor_b", (vx, high + 0.38, vz), (0.15, 0.15, 0.15),
        draws.colour((0, 1), (0.4, 0.8), (0.5, 0.9)), vase, tex=Texture.LEAF, tp=(14, u(), 0), occluder=False,
    )  # fmt: skip
    above, extent = (
        torch.stack([x, high + 0.25, z], -1),
        torch.stack([half[:, 0], 0.27 * one, half[:, 2]], -1),
    )
    builder.take(above, extent, found & (which < 2))


def _add_door(builder: Builder, palette: Palette) -> None:
    draws = builder.draws
    centre, half, wall, found = builder.place_on_wall(0.85, 0.06, 0.0, 2.05, draws.chance(0.4), nearest=1.5)
    colour = pick(draws.chance(0.5), palette.white, palette.wood)
    builder.add(
        Kind.BOX, "door", centre.unbind(-1), half.unbind(-1), colour, found, tex=Texture.DOOR,
        second=colour * 0.6, face=facing(wall), occluder=False,
    )  # fmt: skip


def _add_painting(builder: Builder, bed: Bed, name: str, probability: float) -> None:
    """The first painting hangs over the bed in most rooms, the second anywhere."""
    draws = builder.draws
    u, chance = draws.uniform, draws.chance
    width, height = u(0.4, 1.1), u(0.4, 0.8)
    low = torch.maximum(u(1.25, 1.55), bed.headboard + 0.1)
    height = torch.minimum(height, builder.height - low - 0.15)
    wanted, wall, first = chance(probability), None, None
    if name == "painting_a":
        wall = torch.where(chance(0.6), bed.wall, draws.choice((0.4, 0.3, 0.3)))
        first = bed.along + 0.05 * draws.normal()
    place = builder.place_on_wall(width, 0.035, low, height, wanted, wall=wall, first=first, margin=0.06)
    colour = draws.colour((0, 1), (0.2, 0.8), (0.4, 0.95))
    second = draws.colour((0, 1), (0.1, 0.9), (0.3, 0.9))
    motif, phase = torch.floor(u(0, 4)), u(0, 20)
    frame = torch.where(chance(0.5), u(0.05, 0.15), u(0.8, 0.95))
    builder.add(
        Kind.BOX, name, place.centre.unbind(-1), place.half.unbind(-1), colour, place.found, tex=Texture.ART,
        second=second, tp=(motif, phase, frame), face=facing(place.wall), occluder=False,
    )  # fmt: skip


def _add_mirror(builder: Builder, palette: Palette) -> None:
    u = builder.draws.uniform
    size = u(0.4, 0.7), 0.04, 0.7, u(0.8, 1.2)
    centre, half, wall, found = builder.place_on_wall(
        *size, builder.draws.chance(0.25), nearest=1.6, margin=0.05
    )
    builder.add(
        Kind.BOX, "mirror", centre.unbind(-1), half.unbind(-1), palette.wall * 0.8 + 0.15, found,
        tex=Texture.MIRROR, second=palette.furniture, face=facing(wall), occluder=False,
    )  # fmt: skip
