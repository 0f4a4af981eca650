"""The bed and what belongs to it: bedding, pillows, nightstands and their lamps."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from spatial_edit.data.rooms.builder import BACK, LEFT, Builder, facing
from spatial_edit.data.rooms.draws import hsv, pick
from spatial_edit.data.rooms.palette import DAY, Palette
from spatial_edit.data.rooms.vocabulary import Kind, Texture

DUVET_TEXTURES = (
    Texture.DUVET,
    Texture.PLAID,
    Texture.VERTICAL_STRIPES,
    Texture.DOTS,
    Texture.HORIZONTAL_STRIPES,
)


@dataclass(slots=True)
class Bed:
    """Where the bed stands: the wall behind its head, coordinate along that wall, sizes in metres, box (B,
    3)."""

    wall: Tensor
    along: Tensor
    width: Tensor
    length: Tensor
    top: Tensor  # of the mattress
    centre: Tensor
    half: Tensor
    face: tuple[Tensor, Tensor]
    headboard: Tensor  # height, set when it is added

    def at(self, builder: Builder, across: Tensor | float, out: Tensor | float) -> tuple[Tensor, Tensor]:
        """x and z of the point `across` the bed's middle line and `out` from its wall."""
        x = torch.where(
            self.wall == BACK,
            self.along + across,
            torch.where(self.wall == LEFT, -builder.width / 2 + out, builder.width / 2 - out),
        )
        return x, torch.where(self.wall == BACK, builder.depth - out, self.along + across)

    def turned(self, across: Tensor, out: Tensor) -> tuple[Tensor, Tensor]:
        """Half extents in x and z of something `across` and `out` in the bed's own axes."""
        return torch.where(self.wall == BACK, across, out), torch.where(self.wall == BACK, out, across)


@dataclass(frozen=True, slots=True)
class BedsideLamps:
    """Whether lamps are lit (B,), their shade colour (B, 3), a lit place (B, 3) and whether there is any lamp
    (B,)."""

    on: Tensor
    shade: Tensor
    position: Tensor
    any: Tensor


def add_bed(builder: Builder, palette: Palette) -> Bed:
    """A bed with its head at a wall: frame, mattress, duvet, throw, headboard, pillows, cushion."""
    bed = _place_bed(builder)
    _add_bedding(builder, palette, bed)
    _add_headboard(builder, palette, bed)
    _add_pillows(builder, palette, bed)
    return bed


def _place_bed(builder: Builder) -> Bed:
    draws, one = builder.draws, builder.one
    u = draws.uniform
    width, length = torch.where(draws.chance(0.7), u(1.45, 1.9), u(0.95, 1.2)), u(1.95, 2.15)
    wall = draws.choice((0.55, 0.225, 0.225))
    top = u(0.3, 0.5)
    spread = torch.where(wall == BACK, (builder.width - width) / 2 - 0.55, 0.35 * one).clamp(min=0)
    along = torch.where(wall == BACK, u(-1, 1) * spread, builder.depth - width / 2 - 0.5 - u(0, 0.7))
    cornered = (wall != BACK) & draws.chance(0.25)
    along = torch.where(cornered, builder.depth - width / 2 - 0.06, along)
    centre, half = builder.wall_box(wall, along, width, length, 0 * one, top)
    builder.take(centre, half, one.bool())
    return Bed(wall, along, width, length, top, centre, half, facing(wall), headboard=top)


def _add_bedding(builder: Builder, palette: Palette, bed: Bed) -> None:
    draws = builder.draws
    u, chance = draws.uniform, draws.chance
    frame_top = bed.top * u(0.45, 0.65)
    x, z = bed.at(builder, 0, bed.length / 2)
    hx, hz = bed.turned(bed.width / 2, bed.length / 2)
    frame = (hx, frame_top / 2 - 0.03, hz)
    builder.add(Kind.BOX, "bed", (x, frame_top / 2 + 0.03, z), frame, palette.furniture, True)
    mattress = (hx - 0.02, (bed.top - frame_top) / 2, hz - 0.02)
    builder.add(Kind.BOX, "bed", (x, (frame_top + bed.top) / 2, z), mattress, palette.linen, True, bevel=0.07)

    cover = u(0.55, 0.8) * bed.length
    x, z = bed.at(builder, 0, bed.length - cover / 2 + 0.03)
    hx, hz = bed.turned(bed.width / 2 + 0.035, cover / 2 + 0.02)
    drop = u(0.12, 0.3)
    tex = torch.tensor(DUVET_TEXTURES)[draws.choice((0.5, 0.15, 0.13, 0.09, 0.13))].float()
    duvet = pick(chance(0.65), palette.accent, pick(chance(0.5), palette.linen, palette.accent2))
    builder.add(
        Kind.BOX, "bed", (x, bed.top + 0.03 - drop / 2, z), (hx, drop / 2 + 0.02, hz), duvet, True, tex=tex,
        second=pick(chance(0.6), palette.linen, palette.accent2), tp=(u(0.18, 0.4), u(), cover / bed.length),
        bevel=0.08, face=bed.face, patterned=True,
    )  # fmt: skip

    throw, reach = chance(0.35), u(0.18, 0.3)  # a blanket at the foot
    x, z = bed.at(builder, 0, bed.length - reach - u(0.05, 0.35))
    hx, hz = bed.turned(bed.width / 2 + 0.045, reach)
    builder.add(
        Kind.BOX, "bed", (x, bed.top + 0.045 - drop / 2, z), (hx, drop / 2 + 0.02, hz),
        palette.accent2 * u(0.5, 1, 1), throw, bevel=0.06, occluder=False,
    )  # fmt: skip


def _add_headboard(builder: Builder, palette: Palette, bed: Bed) -> None:
    draws, one = builder.draws, builder.one
    u, chance = draws.uniform, draws.chance
    bed.headboard = torch.where(chance(0.8), u(0.75, 1.25), bed.top)
    x, z = bed.at(builder, 0, 0.04)
    hx, hz = bed.turned(bed.width / 2 + u(0, 0.08), 0.04 * one)
    soft = chance(0.4)
    hard_tex = torch.where(chance(0.3), Texture.VERTICAL_STRIPES * one, 0 * one)
    builder.add(
        Kind.BOX, "bed", (x, bed.headboard / 2, z), (hx, bed.headboard / 2, hz),
        pick(soft, palette.accent2 * 0.8, palette.furniture * 0.92), True,
        tex=torch.where(soft, Texture.TILE * one, hard_tex),
        second=pick(soft, palette.accent2 * 0.65, palette.furniture * 0.75), tp=(0.22, 0, 0), bevel=0.03,
    )  # fmt: skip


def _add_pillows(builder: Builder, palette: Palette, bed: Bed) -> None:
    draws, one = builder.draws, builder.one
    u, chance = draws.uniform, draws.chance
    double = bed.width > 1.3
    apart = torch.where(double, bed.width * 0.24, 0 * one)
    half_width = torch.where(double, bed.width * 0.2, 0.33 * one)
    out = 0.1 + u(0.17, 0.24)
    thick = u(0.09, 0.13)
    colour = pick(chance(0.6), palette.linen, palette.accent2)
    for side, name in ((-1, "pillow_l"), (1, "pillow_r")):
        x, z = bed.at(builder, side * apart, out + 0.02 * draws.normal())
        hx, hz = bed.turned(half_width, 0.2 * one)
        valid = double if side == 1 else one.bool()
        builder.add(Kind.ELLIPSOID, name, (x, bed.top + thick * 0.75, z), (hx, thick, hz), colour, valid)
    x, z = bed.at(builder, apart * u(-0.4, 0.4), out + 0.24)
    hx, hz = bed.turned(0.2 * one, 0.12 * one)
    cushion = palette.accent * u(0.7, 1.1, 1).clamp(max=1)
    builder.add(Kind.ELLIPSOID, "cushion", (x, bed.top + 0.12, z), (hx, 0.13, hz), cushion, chance(0.4))


def add_nightstands(builder: Builder, palette: Palette, bed: Bed) -> BedsideLamps:
    """A nightstand on each free side of the bed, most with a lamp."""
    draws, one = builder.draws, builder.one
    u, chance = draws.uniform, draws.chance
    size = u(0.38, 0.55), u(0.34, 0.44), u(0.42, 0.62)  # width, depth, height
    on = torch.where(palette.time == DAY, u() < 0.25, u() < 0.85)
    shade = hsv(torch.where(chance(0.6), 0.1 * one, palette.accent_hue), u(0.05, 0.45), u(0.75, 0.98))
    radius, tall = u(0.11, 0.17), u(0.17, 0.25)
    base = pick(chance(0.5), palette.dark, pick(chance(0.5), palette.furniture, palette.accent))
    foot = u(0.14, 0.26)
    position, lit = torch.zeros(draws.count, 3), torch.zeros(draws.count, dtype=torch.bool)
    for side, name, lamp in ((-1, "nightstand_l", "lamp_l"), (1, "nightstand_r", "lamp_r")):
        centre, valid = _add_nightstand(builder, palette, bed, side, name, size)
        has_lamp = valid & chance(0.8)
        x, z = centre[:, 0], centre[:, 2]
        stem = (0.035 + 0 * radius, foot / 2, 0.035 + 0 * radius)
        builder.add(
            Kind.CYLINDER, lamp, (x, size[2] + foot / 2, z), stem, base, has_lamp, occluder=False, taper=0.6
        )  # fmt: skip
        y = size[2] + foot + tall / 2
        builder.add(
            Kind.CYLINDER, lamp, (x, y, z), (radius, tall / 2, radius), shade, has_lamp, taper=0.62,
            glow=torch.where(on, 1.6, 0.0), occluder=False,
        )  # fmt: skip
        chosen = has_lamp & ~lit | (has_lamp & chance(0.5))
        position = pick(chosen, torch.stack([x, y + 0.05, z], -1), position)
        lit = lit | has_lamp
        builder.take(torch.stack([x, y, z], -1), torch.stack([radius, tall, radius], -1), has_lamp)
    return BedsideLamps(on, shade, position, lit)


def _add_nightstand(
    builder: Builder, palette: Palette, bed: Bed, side: int, name: str, size: tuple[Tensor, Tensor, Tensor]
) -> tuple[Tensor, Tensor]:
    """Centre (B, 3) of one nightstand and whether each room has it (B,)."""
    wide, deep, high = size
    along = bed.along + side * (bed.width / 2 + wide / 2 + builder.draws.uniform(0.06, 0.16))
    centre, half = builder.wall_box(bed.wall, along, wide, deep, 0 * builder.one, high)
    inside = torch.where(
        bed.wall == BACK, along.abs() + wide / 2 < builder.width / 2, along + wide / 2 < builder.depth
    )
    valid = inside & ~builder.overlaps(centre, half, 0.01) & builder.draws.chance(0.8)
    builder.take(centre, half, valid)
    x, y, z = centre.unbind(-1)
    hx, hy, hz = half.unbind(-1)
    builder.add(
        Kind.BOX, name, (x, y, z), (hx, hy, hz), palette.furniture, valid, tex=Texture.DRAWERS,
        second=palette.furniture * 0.45, tp=(2, 1, 0), face=bed.face, bevel=0.01,
    )  # fmt: skip
    return centre, valid
