"""Patterns: where a point lies in the period of its texture.

A texture is a kind and three numbers (`data.rooms.vocabulary.Texture`, `data.rooms.textures`). The decoder
cannot find the phase of a stripe by itself, so it is told: sine and cosine of the phase across and up, of the
radius for round rugs, and one number for textures that are not periodic (which plank, which book, which side
of a picture's motif). What a pattern looks like is learned."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from spatial_edit.generators.box3d.maps import Surface

    Phases = Callable[[Surface, Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]

WAVES = 7
PLANK, TILE, STRIPES, DOTS, WINDOW, ART, DRAWERS, PLEATS, BOOKS, RUG, PLAID, LEAF = range(1, 13)
LEVEL_STRIPES, SHUTTER, DUVET = 15, 16, 18
TURN = 6.2832  # radians of one period in the renderer's formulas
BOOK = 0.055  # metres, the width of a book
PANELS = (DRAWERS, SHUTTER)  # their numbers are counts, not metres


def pattern_features(surface: Surface, kinds: set[int]) -> list[Tensor]:
    """WAVES maps (n, n); `kinds` are the textures that the room has at all."""
    texture, (tp0, tp1, _) = surface.texture, surface.pattern
    u = torch.where(surface.on_x, surface.local[2], surface.local[0])
    v = torch.where(surface.on_y, surface.local[2], surface.local[1])
    around = torch.atan2(surface.local[2], surface.local[0]) * surface.half[0]
    u = torch.where(surface.tube, around, u)
    un = torch.where(surface.on_x, surface.unit[2], surface.unit[0])
    vn = torch.where(surface.on_y, surface.unit[2], surface.unit[1])
    period = tp0.clamp(min=0.02)

    pu, pv = u / period, v / period
    for kind, phases in PHASES.items():
        if kind in kinds:
            where = texture == kind
            new_u, new_v = phases(surface, u, v, un, vn)
            pu, pv = torch.where(where, new_u, pu), torch.where(where, new_v, pv)
    radius = (surface.local[0].square() + surface.local[2].square()).sqrt() / (1.6 * tp1.clamp(min=0.1))

    plain = (texture == 0).float()
    waves = [f(2 * math.pi * p) * (1 - plain) for p in (pu, pv) for f in (torch.sin, torch.cos)]
    ring = 2 * math.pi * radius
    rings = (texture == RUG).float()
    tone = _tone(surface, kinds, (u, un, vn), (pu, pv))
    return [*waves, ring.sin() * rings, ring.cos() * rings, tone]


def _metres(factor: float) -> Phases:
    """Periods of `factor` tp0 metres."""

    def phases(surface: Surface, u: Tensor, v: Tensor, un: Tensor, vn: Tensor) -> tuple[Tensor, Tensor]:
        period = factor * surface.pattern[0].clamp(min=0.02)
        return u / period, v / period

    return phases


def _pleats(surface: Surface, u: Tensor, v: Tensor, un: Tensor, vn: Tensor) -> tuple[Tensor, Tensor]:
    tp0, tp1, _ = surface.pattern
    return u / tp0.clamp(min=0.02) + tp1 * (6 / TURN), 0 * v


def _duvet(surface: Surface, u: Tensor, v: Tensor, un: Tensor, vn: Tensor) -> tuple[Tensor, Tensor]:
    phase = surface.pattern[1]
    across = (u * 9 + phase * 6 + 2 * (v * 4).sin()) / TURN
    return across, (v * 11 + 3 * (u * 3 + phase * 9).sin()) / TURN


def _books(surface: Surface, u: Tensor, v: Tensor, un: Tensor, vn: Tensor) -> tuple[Tensor, Tensor]:
    return u / BOOK, (vn + 1) / 2 * surface.pattern[0]


def _window(surface: Surface, u: Tensor, v: Tensor, un: Tensor, vn: Tensor) -> tuple[Tensor, Tensor]:
    tp0, tp1, _ = surface.pattern
    blinds = tp0 > 9
    across, up = torch.where(blinds, 1.0, tp0), torch.where(blinds, 2 * (tp0 - 10), tp1)
    return (un + 1) / 2 * across, (vn + 1) / 2 * up


def _panels(surface: Surface, u: Tensor, v: Tensor, un: Tensor, vn: Tensor) -> tuple[Tensor, Tensor]:
    return (un + 1) / 2 * surface.pattern[1], (vn + 1) / 2 * surface.pattern[0]


def _planks(surface: Surface, u: Tensor, v: Tensor, un: Tensor, vn: Tensor) -> tuple[Tensor, Tensor]:
    tp0, _, tp2 = surface.pattern
    turned, period = tp2 > 1, tp0.clamp(min=0.02)
    x, _, z = surface.points
    return torch.where(turned, z, x) / period, torch.where(turned, x, z) / (7 * period)


def _rug(surface: Surface, u: Tensor, v: Tensor, un: Tensor, vn: Tensor) -> tuple[Tensor, Tensor]:
    period = surface.pattern[1].clamp(min=0.1)
    return surface.local[0] / period, surface.local[2] / period


PHASES: dict[int, Phases] = {
    TILE: _metres(2.0), DOTS: _metres(0.7), PLEATS: _pleats, DUVET: _duvet, BOOKS: _books, WINDOW: _window,
    DRAWERS: _panels, SHUTTER: _panels, PLANK: _planks, RUG: _rug,
}  # fmt: skip


def _noise(x: Tensor) -> Tensor:
    """A fixed pseudo-random number in 0..1 for each x."""
    waves = torch.sin(x * 12.9898 + 4.1) * 43758.5453
    return waves - waves.floor()


def _tone(
    surface: Surface, kinds: set[int], face: tuple[Tensor, Tensor, Tensor], phases: tuple[Tensor, Tensor]
) -> Tensor:
    """One number in about -1..1 for patterns without a period."""
    texture, (tp0, tp1, tp2) = surface.texture, surface.pattern
    u, un, vn = face
    tone = torch.zeros_like(u)
    if PLANK in kinds:
        row = phases[0].floor()
        plank = _noise(row * 3.1 + (phases[1] + _noise(row) * 3).floor() * 7.7 + 1.3)
        tone = torch.where(texture == PLANK, 2 * plank - 1, tone)
    if BOOKS in kinds:
        book, shelf = ((u + 5) / BOOK).floor(), ((vn + 1) / 2 * tp0).floor()
        tone = torch.where(texture == BOOKS, 2 * _noise(book * 1.7 + shelf * 13.1 + tp1) - 1, tone)
    if LEAF in kinds:
        lx, ly, lz = surface.local
        leaf = (lx * tp0 * 2.1 + tp1 * 20).sin() * (ly * tp0 * 2.7 + lx * 9).sin()
        tone = torch.where(texture == LEAF, leaf * (lz * tp0 * 2.3 + 1.7 * tp1).sin(), tone)
    if WINDOW in kinds:
        hills = 0.12 * (un * 5 + tp2 * 40).sin() + 0.05 * (un * 17 + tp2 * 90).sin()
        tone = torch.where(texture == WINDOW, ((tp2 * 2 - 1 + hills - vn) * 6).clamp(-1, 1), tone)
    return torch.where(texture == ART, _motif(un, vn, tp0, tp1), tone) if ART in kinds else tone


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
