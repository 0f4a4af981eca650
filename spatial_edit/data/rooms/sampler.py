"""Samples bedrooms: room shell, bed, furniture, camera and lights, all on the CPU from one seed.

The same count and seed give the same tables bit for bit on every machine; a room depends on the whole batch
it is drawn with, so room 3 of eight is not room 3 of nine.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from spatial_edit.data.rooms.bed import Bed, BedsideLamps, add_bed, add_nightstands
from spatial_edit.data.rooms.builder import Builder, Number, Triple
from spatial_edit.data.rooms.draws import Draws, hsv, pick
from spatial_edit.data.rooms.floor_furniture import RoomLamps, add_floor_furniture
from spatial_edit.data.rooms.palette import DAY, EVENING, NIGHT, Palette, draw_palette
from spatial_edit.data.rooms.rooms import Rooms
from spatial_edit.data.rooms.vocabulary import (
    COLOUR,
    FIELD,
    FIELDS,
    HALF,
    INSTANCE_ID,
    SECOND_COLOUR,
    SEMANTIC_OF_INSTANCE,
    Kind,
    Texture,
)  # fmt: skip
from spatial_edit.data.rooms.wall_furniture import add_wall_furniture
from spatial_edit.data.rooms.window import Window, add_window

MAX_COUNT = 65536  # rooms of one draw; a pool is drawn in shards
WALL_TEXTURES = (Texture.FLAT, Texture.VERTICAL_STRIPES, Texture.DOTS, Texture.HORIZONTAL_STRIPES)


def sample_rooms(
    count: int, seed: int, device: str | torch.device = "cpu", pattern_scale: float = 1.0
) -> Rooms:
    """`count` bedrooms from `seed` (0 … 2³²-1), drawn on the CPU and moved to `device`.

    `pattern_scale` in 0..1 draws the second colour of the patterns of walls, duvet and rug towards the first:
    at 0 they are plain, at 1 (default) as sampled. It changes nothing else. ValueError for a count, seed or
    scale out of range.
    """
    if not 1 <= count <= MAX_COUNT:
        raise ValueError(f"{count} rooms were asked for; ask for 1 to {MAX_COUNT}")
    if not 0 <= seed < 2**32:
        raise ValueError(f"the seed is {seed}; use a whole number from 0 to {2**32 - 1}")
    if not 0.0 <= pattern_scale <= 1.0:
        raise ValueError(
            f"pattern_scale is {pattern_scale}; use a number from 0 (plain) to 1 (full contrast)"
        )
    draws = Draws(count, seed)
    builder = Builder(draws, pattern_scale)
    palette = draw_palette(draws)
    bed = add_bed(builder, palette)
    bedside = add_nightstands(builder, palette, bed)
    window = add_window(builder, palette, bed)
    add_wall_furniture(builder, palette, bed)
    lamps = add_floor_furniture(builder, palette, bed, bedside)
    shell = _shell(builder, palette, bed)
    camera = _camera(builder, bed)
    lights = _lights(builder, palette, window, bedside, lamps)
    rooms = Rooms(
        table=torch.stack(shell + builder.rows, 1),
        kinds=tuple(builder.kinds), occluders=tuple(builder.occluders), instances=tuple(builder.instances),
        width=builder.width, depth=builder.depth, height=builder.height, time_of_day=palette.time,
        floor_colour=palette.floor, wall_colour=palette.wall, **camera, **lights,
    )  # fmt: skip
    return rooms.to(device)


def _shell_row(
    builder: Builder, name: str, colour: Tensor, tex: Number = Texture.FLAT, second: Tensor | None = None,
    tp: Triple = (0, 0, 0), sheen: Number = 0.0,
) -> Tensor:  # fmt: skip
    """(B, F) the row of one surface of the room itself."""
    row = torch.zeros(builder.draws.count, len(FIELDS))
    row[:, HALF] = 1
    row[:, COLOUR], row[:, SECOND_COLOUR] = colour, colour if second is None else second
    for column, value in zip(("tp0", "tp1", "tp2"), tp, strict=True):
        row[:, FIELD[column]] = builder.full(value)
    number = INSTANCE_ID[name]
    row[:, FIELD["tex"]], row[:, FIELD["spec"]] = builder.full(tex), builder.full(sheen)
    row[:, FIELD["sem"]], row[:, FIELD["inst"]], row[:, FIELD["kind"]] = (
        SEMANTIC_OF_INSTANCE[number],
        number,
        Kind.ROOM,
    )
    return row


def _shell(builder: Builder, palette: Palette, bed: Bed) -> list[Tensor]:
    """Rows (B, F) of floor, ceiling and three walls; in some rooms the wall behind the bed has an accent
    colour."""
    draws, one = builder.draws, builder.one
    u = draws.uniform
    floor_tex = torch.where(
        palette.floor_type == 0,
        Texture.PLANK * one,
        torch.where(palette.floor_type == 1, Texture.TILE * one, 0 * one),
    )
    wall_tex = torch.tensor(WALL_TEXTURES)[draws.choice((0.8, 0.1, 0.05, 0.05))].float()
    accented = draws.chance(0.3)
    accent = pick(accented, hsv(palette.accent_hue, u(0.2, 0.6), u(0.35, 0.85)), palette.wall)
    plain2, accent2 = palette.wall * u(0.8, 0.92, 1), accent * u(0.8, 0.92, 1)
    floor2, floor_tp = palette.floor * u(0.75, 0.9, 1), (u(0.12, 0.22), u(), u(0, 2))
    sheen = torch.where(palette.floor_type < 2, u(0.0, 0.25), 0 * one)
    rows = [
        _shell_row(builder, "floor", palette.floor, floor_tex, floor2, floor_tp, sheen),
        _shell_row(builder, "ceiling", palette.white * 0.97),
    ]
    for wall, name in enumerate(("wall_back", "wall_left", "wall_right")):
        behind = bed.wall == wall
        colour = pick(behind, accent, palette.wall)
        second = builder.soften(colour, pick(behind, accent2, plain2))
        rows.append(_shell_row(builder, name, colour, wall_tex, second, (u(0.2, 0.5), 0, 0)))
    return rows


def _camera(builder: Builder, bed: Bed) -> dict[str, Tensor]:
    """A camera near the missing front wall that looks past the bed."""
    draws = builder.draws
    u = draws.uniform
    camera = torch.stack([u(-0.32, 0.32) * builder.width, u(1.15, 1.75), u(-0.9, 0.35)], -1)
    x = bed.centre[:, 0] * u(0.2, 0.9) + 0.25 * draws.normal()
    target = torch.stack([x, u(0.6, 0.95), bed.centre[:, 2] * 0.5 + builder.depth * 0.5], -1)
    gaze = target - camera
    pitch = torch.atan2(gaze[:, 1], gaze[:, [0, 2]].norm(dim=-1))
    fov = u(50, 72) * math.pi / 180
    return {"camera": camera, "yaw": torch.atan2(gaze[:, 0], gaze[:, 2]), "pitch": pitch, "fov": fov}


def _lights(
    builder: Builder, palette: Palette, window: Window, bedside: BedsideLamps, lamps: RoomLamps
) -> dict[str, Tensor]:
    """Key light through the window by day and evening, from the ceiling otherwise; one lamp; ambient light;
    exposure."""
    draws, one, time = builder.draws, builder.one, palette.time
    u = draws.uniform
    fx, fz = window.face
    normal = torch.stack([fx, 0 * fx, fz], -1)
    daylight = window.place.found & (time < NIGHT)
    cx, cy, cz = lamps.ceiling
    overhead = torch.stack([cx, torch.minimum(cy, builder.height - 0.3), cz], -1)
    extent = pick(
        daylight, window.place.half * (1 - normal.abs()), one[:, None] * torch.tensor([0.2, 0.0, 0.2])
    )
    day = hsv(0.12 + 0.02 * draws.normal(), u(0, 0.14), one)
    evening, night = hsv(u(0.05, 0.09), u(0.25, 0.5), one), hsv(u(0.08, 0.12), u(0.15, 0.4), one)
    key_colour = pick(time == DAY, day, pick(time == EVENING, evening, night))
    strength = (
        u(1.0, 1.7),
        u(0.9, 1.4),
        torch.where(lamps.ceiling_on, u(0.9, 1.3), 0.35 * one),
    )  # unlit nights are dim
    intensity = torch.where(time == DAY, strength[0], torch.where(time == EVENING, strength[1], strength[2]))
    use_floor_lamp = lamps.has_floor & (draws.chance(0.5) | ~bedside.any)
    lit = (lamps.has_floor | bedside.any) & bedside.on
    warm = hsv(u(0.07, 0.11), u(0.3, 0.55), one)
    by_day, by_night = u(0.15, 0.3), u(0.6, 1.1)
    lamp_intensity = torch.where(lit, torch.where(time == DAY, by_day, by_night), 0 * one)
    return {
        "key_position": pick(daylight, window.place.centre + 0.12 * normal, overhead),
        "key_extent": extent,
        "key_normal": pick(daylight, normal, torch.zeros_like(normal)),
        "key_colour": key_colour * intensity[:, None],
        "lamp_position": pick(use_floor_lamp, lamps.floor, bedside.position),
        "lamp_colour": warm * lamp_intensity[:, None],
        "ambient": _ambient(draws, time),
        "exposure": (2.0 ** (0.22 * draws.normal())) * torch.where(time == NIGHT, 0.8, 1.0),
    }


def _ambient(draws: Draws, time: Tensor) -> Tensor:
    """(B, 3) light from everywhere: dim and of any tint at night, bluish white otherwise."""
    dark = draws.colour((0.05, 0.65), (0.05, 0.3), (0.16, 0.3))
    bright = draws.colour((0.5, 0.65), (0, 0.12), (0.38, 0.55))
    return pick(time == NIGHT, dark, bright)
