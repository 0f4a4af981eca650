"""Patterns: where a point lies in the period of its texture.

A texture is a kind and three numbers (`data.rooms.vocabulary.Texture`, `data.rooms.textures`). The decoder
cannot find the phase of a stripe by itself, so it is told: sine and cosine of the phase across and up, of the
radius for round rugs, and one number for textures that are not periodic (which plank, which book, which side
of a picture's motif). What a pattern looks like is learned."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from spatial_edit.generators.box3d.maps import Surface

WAVES = 7
PLANK, TILE, STRIPES, DOTS, WINDOW, ART, DRAWERS, PLEATS, BOOKS, RUG, PLAID, LEAF = range(1, 13)
LEVEL_STRIPES, SHUTTER, DUVET = 15, 16, 18
PANELS = (DRAWERS, SHUTTER)  # their numbers are counts, not metres


def pattern_features(surface: Surface) -> list[Tensor]:
    """WAVES maps (n, n)."""
    texture, (tp0, tp1, tp2) = surface.texture, surface.pattern
    u = torch.where(surface.on_x, surface.local[2], surface.local[0])
    v = torch.where(surface.on_y, surface.local[2], surface.local[1])
    around = torch.atan2(surface.local[2], surface.local[0]) * surface.half[0]
    u = torch.where(surface.tube, around, u)
    un = torch.where(surface.on_x, surface.unit[2], surface.unit[0])
    vn = torch.where(surface.on_y, surface.unit[2], surface.unit[1])
    period = tp0.clamp(min=0.02)

    pu, pv = u / period, v / period
    pu, pv = _put(texture, TILE, (pu, pv), (u / (2 * period), v / (2 * period)))
    pu, pv = _put(texture, DOTS, (pu, pv), (u / (0.7 * period), v / (0.7 * period)))
    pu, pv = _put(texture, PLEATS, (pu, pv), (u / period + tp1 * (6 / 6.2832), 0 * v))
    long_folds = (u * 9 + tp1 * 6 + 2 * (v * 4).sin()) / 6.2832
    pu, pv = _put(texture, DUVET, (pu, pv), (long_folds, _folds(u, v, tp1)))
    pu, pv = _put(texture, BOOKS, (pu, pv), (u / 0.055, (vn + 1) / 2 * tp0))
    slats = tp0 > 9
    panes = torch.where(slats, 1.0, tp0), torch.where(slats, 2 * (tp0 - 10), tp1)
    pu, pv = _put(texture, WINDOW, (pu, pv), ((un + 1) / 2 * panes[0], (vn + 1) / 2 * panes[1]))
    for kind in PANELS:
        pu, pv = _put(texture, kind, (pu, pv), ((un + 1) / 2 * tp1, (vn + 1) / 2 * tp0))
    turned = (texture == PLANK) & (tp2 > 1)
    across = torch.where(turned, surface.points[2], surface.points[0])
    along = torch.where(turned, surface.points[0], surface.points[2])
    pu, pv = _put(texture, PLANK, (pu, pv), (across / period, along / (7 * period)))
    rug = tp1.clamp(min=0.1)
    pu, pv = _put(texture, RUG, (pu, pv), (surface.local[0] / rug, surface.local[2] / rug))
    radius = (surface.local[0].square() + surface.local[2].square()).sqrt() / (1.6 * rug)

    plain = (texture == 0).float()
    waves = [f(2 * math.pi * p) * (1 - plain) for p in (pu, pv) for f in (torch.sin, torch.cos)]
    ring = 2 * math.pi * radius
    rings = (texture == RUG).float()
    tone = _tone(surface, texture, (tp0, tp1, tp2), (u, un, vn), (pu, pv))
    return [*waves, ring.sin() * rings, ring.cos() * rings, tone]


def _put(
    texture: Tensor, kind: int, old: tuple[Tensor, Tensor], new: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor]:
    where = texture == kind
    return torch.where(where, new[0], old[0]), torch.where(where, new[1], old[1])


def _folds(u: Tensor, v: Tensor, phase: Tensor) -> Tensor:
    return (v * 11 + 3 * (u * 3 + phase * 9).sin()) / 6.2832


def _noise(x: Tensor) -> Tensor:
    """A fixed pseudo-random number in 0..1 for each x."""
    waves = torch.sin(x * 12.9898 + 4.1) * 43758.5453
    return waves - waves.floor()


def _tone(
    surface: Surface, texture: Tensor, pattern: tuple[Tensor, ...], face: tuple[Tensor, ...],
    phases: tuple[Tensor, Tensor],
) -> Tensor:  # fmt: skip
    """One number in about -1..1 for patterns without a period."""
    tp0, tp1, tp2 = pattern
    u, un, vn = face
    plank = _noise(phases[0].floor() * 3.1 + (phases[1] + _noise(phases[0].floor()) * 3).floor() * 7.7 + 1.3)
    book, shelf = ((u + 5) / 0.055).floor(), ((vn + 1) / 2 * tp0).floor()
    cover = _noise(book * 1.7 + shelf * 13.1 + tp1)
    lx, ly, lz = surface.local
    leaf = (lx * tp0 * 2.1 + tp1 * 20).sin() * (ly * tp0 * 2.7 + lx * 9).sin()
    leaf = leaf * (lz * tp0 * 2.3 + 1.7 * tp1).sin()
    hills = 0.12 * (un * 5 + tp2 * 40).sin() + 0.05 * (un * 17 + tp2 * 90).sin()
    tone = torch.where(texture == PLANK, 2 * plank - 1, torch.zeros_like(u))
    tone = torch.where(texture == BOOKS, 2 * cover - 1, tone)
    tone = torch.where(texture == LEAF, leaf, tone)
    tone = torch.where(texture == WINDOW, ((tp2 * 2 - 1 + hills - vn) * 6).clamp(-1, 1), tone)
    return torch.where(texture == ART, _motif(un, vn, tp0, tp1), tone)


def _motif(un: Tensor, vn: Tensor, motif: Tensor, phase: Tensor) -> Tensor:
    """Which of a picture's two colours: fields, a disc, a horizon, blocks."""
    sin, cos = phase.sin(), phase.cos()
    fields = un * sin + vn * (phase * 1.7).cos() + 0.25 * (3 * un + phase).sin()
    disc = 0.55 - ((un - 0.3 * sin) ** 2 + (vn - 0.3 * cos) ** 2).sqrt()
    horizon = (vn - 0.3 * (un * 3 + phase).sin() - 0.1) * 0.7
    blocks = _noise((un * 2 + 5).floor() * 3 + (vn * 2 + 5).floor() * 7 + phase.floor()) - 0.5
    value = torch.where(motif == 1, disc, torch.where(motif == 2, horizon, blocks))
    value = torch.where(motif == 0, fields, value)
    return (value * 6).clamp(-1, 1)
