"""The palette of a room: wall, wood, accents, linen, floor, and the time of day."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from spatial_edit.data.rooms.draws import Draws, hsv, pick

DAY, EVENING, NIGHT = 0, 1, 2
WALL_HUES = (
    0.09,
    0.12,
    0.33,
    0.45,
    0.56,
    0.6,
    0.03,
    0.95,
)  # cream, sand, green, teal, sky, blue, salmon, rose
WALL_HUE_WEIGHTS = (0.2, 0.18, 0.12, 0.12, 0.14, 0.1, 0.08, 0.06)


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours (B, 3) as display values 0..1, the accent hue (B,), floor type (B,) 0 wood 1 tiles 2 carpet,
    time (B,)."""

    wall: Tensor
    wood: Tensor
    white: Tensor
    dark: Tensor
    furniture: Tensor
    accent: Tensor
    accent2: Tensor
    linen: Tensor
    floor: Tensor
    accent_hue: Tensor
    floor_type: Tensor
    time: Tensor


def draw_palette(draws: Draws) -> Palette:
    """One palette a room: a wall hue, and accents near it or opposite to it."""
    u, n = draws.uniform, draws.normal
    hue = torch.where(
        draws.chance(0.75), torch.tensor(WALL_HUES)[draws.choice(WALL_HUE_WEIGHTS)] + 0.02 * n(), u()
    )
    accent_hue = torch.where(draws.chance(0.5), hue + 0.5 + 0.08 * n(), hue + 0.08 * n())
    wall = _wall(draws, hue)
    wood_value = u(0.22, 0.8)
    wood = hsv(0.07 + 0.015 * n(), u(0.3, 0.62) * (1.15 - 0.5 * wood_value), wood_value)
    white = draws.colour((0.05, 0.15), (0, 0.06), (0.82, 0.97))
    dark = draws.colour((0, 1), (0, 0.3), (0.1, 0.25))
    style = draws.choice((0.5, 0.25, 0.25))  # wood, white, painted
    stained = wood * u(0.75, 1.15, 1).clamp(max=1)
    painted = hsv(hue + 0.1 * n(), u(0.05, 0.35), u(0.25, 0.8))
    furniture = pick(style == 0, stained, pick(style == 1, white, painted)).clamp(0.03, 1)
    accent = hsv(accent_hue, u(0.25, 0.72), u(0.3, 0.85))
    accent2 = hsv(accent_hue + 0.12 * n(), u(0.1, 0.6), u(0.5, 0.97))
    linen = hsv(accent_hue, u(0, 0.15), u(0.8, 0.98))
    floor_type = draws.choice((0.6, 0.2, 0.2))
    planks = hsv(0.075 + 0.012 * n(), u(0.25, 0.6), u(0.3, 0.8))
    tiles = draws.colour((0.05, 0.6), (0, 0.12), (0.5, 0.9))
    carpet = hsv(accent_hue, u(0.03, 0.3), u(0.4, 0.8))
    floor = pick(floor_type == 0, planks, pick(floor_type == 1, tiles, carpet))
    time = draws.choice((0.62, 0.18, 0.20))
    return Palette(
        wall, wood, white, dark, furniture, accent, accent2, linen, floor, accent_hue, floor_type, time
    )  # fmt: skip


def _wall(draws: Draws, hue: Tensor) -> Tensor:
    """Four styles of wall: near white, pastel, tinted, dark."""
    u, style = draws.uniform, draws.choice((0.35, 0.25, 0.25, 0.15))
    ranges = ((0, 0.08), (0.1, 0.25), (0.15, 0.35), (0.25, 0.5))
    white, pastel, tinted, strong = (u(*limits) for limits in ranges)
    saturation = torch.where(
        style == 0, white, torch.where(style == 1, pastel, torch.where(style == 2, tinted, strong))
    )
    value = torch.where(style == 3, u(0.3, 0.55), u(0.68, 0.95))
    return hsv(hue, saturation, value)
