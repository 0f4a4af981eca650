"""What stands free or lies on the floor, or hangs from the ceiling: plant, chair, pouf, lamps, rug."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from spatial_edit.data.rooms.bed import Bed, BedsideLamps
from spatial_edit.data.rooms.builder import BACK, Builder
from spatial_edit.data.rooms.draws import pick
from spatial_edit.data.rooms.palette import NIGHT, Palette
from spatial_edit.data.rooms.vocabulary import Kind, Texture


@dataclass(frozen=True, slots=True)
class RoomLamps:
    """Position (B, 3) of the floor lamp and whether there is one (B,); position of the ceiling lamp and
    whether it is lit."""

    floor: Tensor
    has_floor: Tensor
    ceiling: tuple[Tensor, Tensor, Tensor]
    ceiling_on: Tensor


def add_floor_furniture(builder: Builder, palette: Palette, bed: Bed, lamps: BedsideLamps) -> RoomLamps:
    """Every piece that the room has space for."""
    _add_plant(builder, palette)
    _add_chair(builder, palette)
    _add_pouf(builder, palette)
    room_lamps = _add_lamps(builder, palette, bed, lamps)
    _add_rug(builder, palette, bed)
    return room_lamps


def _add_plant(builder: Builder, palette: Palette) -> None:
    draws = builder.draws
    u = draws.uniform
    radius, high = u(0.25, 0.4), u(0.8, 1.5)
    centre, _, _, found = builder.place_on_floor(radius, high, draws.chance(0.55), corner=0.15)
    x, z, pot = centre[:, 0], centre[:, 2], u(0.12, 0.18)
    clay = pick(draws.chance(0.5), palette.white, draws.colour((0.02, 0.08), (0.3, 0.7), (0.3, 0.8)))
    builder.add(Kind.CYLINDER, "plant", (x, pot, z), (pot, pot, pot), clay, found, taper=1.25)
    leaf = draws.colour((0.23, 0.4), (0.4, 0.75), (0.2, 0.55))
    for i in range(4):
        angle, ball = u(0, 6.28), radius * u(0.45, 0.7)
        y = 2 * pot + (high - 2 * pot) * (0.3 + 0.2 * i)
        where = (x + (radius - ball) * torch.cos(angle), y, z + (radius - ball) * torch.sin(angle))
        builder.add(
            Kind.ELLIPSOID, "plant", where, (ball, ball * u(0.6, 1.0), ball), leaf * u(0.8, 1.2, 1), found,
            tex=Texture.LEAF, tp=(12, u(), 0), occluder=i < 2,
        )  # fmt: skip


def _add_chair(builder: Builder, palette: Palette) -> None:
    """An armchair, or a chair whose two side pieces are its legs."""
    draws, one = builder.draws, builder.one
    u, chance = draws.uniform, draws.chance
    r, seat = u(0.3, 0.4), u(0.38, 0.45)
    centre, _, _, found = builder.place_on_floor(r, 0.8 * one, chance(0.42))
    x, z = centre[:, 0], centre[:, 2]
    towards, along_x = -torch.sign(x), chance(0.6)
    colour = pick(chance(0.6), palette.accent, pick(chance(0.5), palette.accent2, palette.furniture))
    arm = chance(0.55)
    under = torch.where(arm, 0.08 * one, seat - 0.1)
    body = (r, (seat - under) / 2, r)
    builder.add(Kind.BOX, "chair", (x, (seat + under) / 2, z), body, colour, found, bevel=0.05)
    bx, bz = torch.where(along_x, -towards * (r - 0.06), 0 * r), torch.where(along_x, 0 * r, (r - 0.06))
    hx, hz = torch.where(along_x, 0.06 * one, r), torch.where(along_x, r, 0.06 * one)
    top = u(0.75, 0.95)
    back = (hx, (top - seat) / 2, hz)
    builder.add(Kind.BOX, "chair", (x + bx, (seat + top) / 2, z + bz), back, colour * 0.95, found, bevel=0.05)
    for s in (-1, 1):
        ax, az = torch.where(along_x, 0 * r, s * (r - 0.05)), torch.where(along_x, s * (r - 0.05), 0 * r)
        hx, hz = torch.where(along_x, r, 0.05 * one), torch.where(along_x, 0.05 * one, r)
        px, pz = torch.where(arm, ax, s * (r - 0.04)), torch.where(arm, az, 0 * r)
        y = torch.where(arm, seat + 0.18, seat - 0.1)
        half = (torch.where(arm, hx, 0.03 * one), y / 2, torch.where(arm, hz, r - 0.03))
        side = pick(arm, colour, palette.wood * 0.7)
        builder.add(Kind.BOX, "chair", (x + px, y / 2, z + pz), half, side, found, bevel=0.04, occluder=False)


def _add_pouf(builder: Builder, palette: Palette) -> None:
    u, chance = builder.draws.uniform, builder.draws.chance
    r, high = u(0.2, 0.3), u(0.32, 0.45)
    centre, _, _, found = builder.place_on_floor(r, high, chance(0.3))
    builder.add(
        Kind.CYLINDER, "pouf", (centre[:, 0], high / 2, centre[:, 2]), (r, high / 2, r),
        pick(chance(0.5), palette.accent, palette.accent2 * 0.8), found, tex=Texture.VERTICAL_STRIPES,
        second=palette.accent2, tp=(0.12, 0, 0),
    )  # fmt: skip


def _add_lamps(builder: Builder, palette: Palette, bed: Bed, lamps: BedsideLamps) -> RoomLamps:
    draws, one = builder.draws, builder.one
    u, chance = draws.uniform, draws.chance
    centre, _, _, found = builder.place_on_floor(0.2 * one, 1.6 * one, chance(0.35), corner=0.1)
    x, z = centre[:, 0], centre[:, 2]
    builder.add(
        Kind.CYLINDER, "floor_lamp", (x, 0.72, z), (0.02, 0.7, 0.02), palette.dark, found, occluder=False
    )
    builder.add(
        Kind.CYLINDER, "floor_lamp", (x, 1.52, z), (0.19, 0.15, 0.19), lamps.shade, found, taper=0.65,
        glow=torch.where(lamps.on, 1.7, 0.0), occluder=False,
    )  # fmt: skip
    floor = torch.stack([x, 1.5 * one, z], -1)

    hung, r = chance(0.5), u(0.14, 0.26)
    cx, cz = bed.centre[:, 0] * 0.5 + 0.1 * draws.normal(), builder.depth * u(0.45, 0.65)
    cy = builder.height - u(0.15, 0.55)
    lit = torch.where(palette.time == NIGHT, chance(0.75), chance(0.2)) & hung
    builder.add(
        Kind.ELLIPSOID, "ceiling_lamp", (cx, cy, cz), (r, r * u(0.5, 1.0), r),
        pick(chance(0.6), palette.white, palette.accent), hung, glow=torch.where(lit, 1.8, 0.0),
        occluder=False,
    )  # fmt: skip
    cord, half = (cx, (builder.height + cy) / 2, cz), (0.012, (builder.height - cy) / 2, 0.012)
    builder.add(Kind.BOX, "ceiling_lamp", cord, half, palette.dark, hung, occluder=False)
    return RoomLamps(floor, found, (cx, cy, cz), lit)


def _add_rug(builder: Builder, palette: Palette, bed: Bed) -> None:
    """A rug at the foot or the side of the bed, rectangular or round (two slots)."""
    draws = builder.draws
    u, n, chance = draws.uniform, draws.normal, draws.chance
    wanted, half_x, half_z = chance(0.7), u(0.9, 1.5), u(0.6, 1.1)
    x = torch.where(bed.wall == BACK, bed.centre[:, 0] + 0.2 * n(), 0.3 * n())
    at_foot = builder.depth - bed.length - u(-0.3, 0.5)
    z = torch.where(bed.wall == BACK, at_foot, bed.centre[:, 2] - bed.width * 0.5 - u(-0.2, 0.5))
    x = torch.maximum(torch.minimum(x, builder.width / 2 - half_x - 0.05), -builder.width / 2 + half_x + 0.05)
    circular = chance(0.25)
    colour = pick(chance(0.5), palette.accent, pick(chance(0.5), palette.linen, palette.accent2 * 0.7))
    builder.add(
        Kind.BOX, "rug", (x, 0.008, z), (half_x, 0.008, half_z), colour, wanted & ~circular, tex=Texture.RUG,
        second=pick(chance(0.5), palette.linen, palette.accent2), tp=(torch.floor(u(0, 4)), u(0.12, 0.3), 0),
        occluder=False, patterned=True,
    )  # fmt: skip
    builder.add(
        Kind.CYLINDER, "rug", (x, 0.008, z), (half_z * 1.1, 0.008, half_z * 1.1), colour, wanted & circular,
        tex=Texture.RUG, second=palette.accent2, tp=(4, u(0.12, 0.3), 0), occluder=False, patterned=True,
    )  # fmt: skip
