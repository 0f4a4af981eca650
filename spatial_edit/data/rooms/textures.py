"""Textures of cloth, wood and tiles: how a pattern mixes a surface's two colours or shades the first.

A painter fills the part of a `Coat` where its texture is; what tp0, tp1 and tp2 mean stands in its docstring
(metres).
"""

from __future__ import annotations

import torch
from torch import Tensor

from spatial_edit.data.rooms.coat import Coat, Painter, fraction, noise, period_of, smooth
from spatial_edit.data.rooms.surface import Surface
from spatial_edit.data.rooms.vocabulary import Texture

TURN = 6.2832  # radians of one pleat


def _planks(surface: Surface, coat: Coat, where: Tensor) -> None:
    """tp0 width of a plank, tp2 > 1 turns them."""
    width, pixel = period_of(surface), surface.pixel
    turned = surface["tp2"] > 1
    across, along = torch.where(turned, surface.z, surface.x), torch.where(turned, surface.x, surface.z)
    row = torch.floor(across / width)
    plank = torch.floor(along / (width * 7) + noise(row) * 3)
    coat.factor = torch.where(where, 0.86 + 0.26 * noise(row * 3.1 + plank * 7.7 + 1.3), coat.factor)
    gap = (fraction(across / width) - 0.5).abs().mul(-1).add(0.5) * width - 0.006
    coat.mix = torch.where(where, 1 - smooth(gap, pixel + 0.01), coat.mix)


def _tiles(surface: Surface, coat: Coat, where: Tensor) -> None:
    """tp0 half the side of a tile."""
    size = period_of(surface)
    tu, tv = ((fraction(a / (2 * size)) - 0.5).abs() for a in (surface.u, surface.v))
    joint = (0.5 - torch.maximum(tu, tv)) * 2 * size - 0.012
    coat.mix = torch.where(where, 1 - smooth(joint, surface.pixel + 0.01), coat.mix)


def _stripe(along: Tensor, surface: Surface, share: float, softness: float) -> Tensor:
    period = period_of(surface)
    return smooth((fraction(along / period) - 0.5).abs() - share, surface.pixel / period + softness)


def _vertical_stripes(surface: Surface, coat: Coat, where: Tensor) -> None:
    """tp0 period."""
    coat.mix = torch.where(where, _stripe(surface.u, surface, 0.25, 0.02), coat.mix)


def _horizontal_stripes(surface: Surface, coat: Coat, where: Tensor) -> None:
    """tp0 period."""
    coat.mix = torch.where(where, _stripe(surface.v, surface, 0.25, 0.02), coat.mix)


def _plaid(surface: Surface, coat: Coat, where: Tensor) -> None:
    """tp0 period."""
    crossed = _stripe(surface.u, surface, 0.3, 0.03) + _stripe(surface.v, surface, 0.3, 0.03)
    coat.mix = torch.where(where, 0.5 * crossed, coat.mix)


def _dots(surface: Surface, coat: Coat, where: Tensor) -> None:
    """tp0 · 0.7 distance of the dots."""
    period = period_of(surface)
    du, dv = fraction(surface.u / (period * 0.7)) - 0.5, fraction(surface.v / (period * 0.7)) - 0.5
    dots = smooth(0.25 - (du * du + dv * dv).sqrt(), surface.pixel / period + 0.05)
    coat.mix = torch.where(where, dots, coat.mix)


def _duvet(surface: Surface, coat: Coat, where: Tensor) -> None:
    """Soft folds; tp1 phase."""
    u, v, phase = surface.u, surface.v, surface["tp1"]
    long = 0.05 * torch.sin(u * 9 + phase * 6 + 2 * torch.sin(v * 4))
    folds = 1 + long + 0.04 * torch.sin(v * 11 + 3 * torch.sin(u * 3 + phase * 9))
    coat.factor = torch.where(where, folds, coat.factor)


def _pleats(surface: Surface, coat: Coat, where: Tensor) -> None:
    """tp0 width of a pleat, tp1 phase; also bends the normal."""
    angle = surface.u / period_of(surface) * TURN + surface["tp1"] * 6
    coat.factor = torch.where(where, 0.86 + 0.2 * torch.sin(angle), coat.factor)
    coat.bend = 0.55 * torch.cos(angle) * where


def _rug(surface: Surface, coat: Coat, where: Tensor) -> None:
    """tp0: 0 border, 1 stripes, 2 diamonds, 3 plain, 4 rings; tp1 period."""
    motif, period = surface["tp0"], surface["tp1"].clamp(min=0.1)
    lx, lz, ring = surface.lx, surface.lz, motif == 4
    eu, ev = (
        (1 - surface.un.abs()) * surface["hx"],
        (1 - torch.where(surface.on_y, surface.qz, surface.qy).abs()) * surface["hz"],
    )
    inset = torch.where(ring, 0 * surface.u, 0.06 - (torch.minimum(eu, ev) - 0.12).abs())
    border = smooth(inset, surface.pixel + 0.01)
    radius = (lx * lx + lz * lz).sqrt()
    stripes = smooth((fraction(lz / period) - 0.5).abs() - 0.25, 0.1)
    slants = (fraction((lx + lz) / period) - 0.5).abs() + (fraction((lx - lz) / period) - 0.5).abs()
    rings = smooth((fraction(radius / (1.6 * period)) - 0.5).abs() - 0.25, 0.15)
    pattern = torch.where(motif == 2, smooth(slants - 0.5, 0.2), torch.where(ring, rings, 0 * radius))
    pattern = torch.where(motif == 0, border, torch.where(motif == 1, stripes, pattern))
    coat.mix = torch.where(where, pattern, coat.mix)


def _leaves(surface: Surface, coat: Coat, where: Tensor) -> None:
    """Light and shade between leaves; tp0 fineness, tp1 phase."""
    lx, ly, lz, fine, phase = surface.lx, surface.ly, surface.lz, surface["tp0"], surface["tp1"]
    first, second = torch.sin(lx * fine * 2.1 + phase * 20), torch.sin(ly * fine * 2.7 + lx * 9)
    leaves = first * second * torch.sin(lz * fine * 2.3 + 1.7 * phase)
    coat.factor = torch.where(where, 1 + 0.75 * leaves, coat.factor)


PAINTERS: dict[int, Painter] = {
    Texture.PLANK: _planks,
    Texture.TILE: _tiles,
    Texture.VERTICAL_STRIPES: _vertical_stripes,
    Texture.HORIZONTAL_STRIPES: _horizontal_stripes,
    Texture.DOTS: _dots,
    Texture.PLAID: _plaid,
    Texture.DUVET: _duvet,
    Texture.PLEATS: _pleats,
    Texture.RUG: _rug,
    Texture.LEAF: _leaves,
}
