"""Textures of fronts: window, picture, drawers and shutters, books, mirror, door, television.

A painter fills the part of a `Coat` where its texture is, on the front of the object; what tp0, tp1 and tp2
mean stands in its docstring. Widths of frames and gaps are in metres.
"""

from __future__ import annotations

import torch
from torch import Tensor

from spatial_edit.data.rooms.coat import Coat, Painter, fraction, noise, smooth
from spatial_edit.data.rooms.surface import Surface
from spatial_edit.data.rooms.vocabulary import Texture


def _window(surface: Surface, coat: Coat, where: Tensor) -> None:
    """Sky (first colour) over land (second), panes; tp0 panes across, or 10 + slats of blinds; tp1 panes up;
    tp2 horizon."""
    un, vn, horizon = surface.un, surface.vn, surface["tp2"]
    tp0, front, hy = surface["tp0"], where & surface.front, surface["hy"]
    hills = 0.12 * torch.sin(un * 5 + horizon * 40) + 0.05 * torch.sin(un * 17 + horizon * 90)
    land = torch.where(vn > horizon * 2 - 1 + hills, 0.0, 1.0)
    coat.mix = torch.where(front, land, coat.mix)
    coat.factor = torch.where(front & (land < 0.5), 1.12 - 0.18 * vn, coat.factor)

    across, up = torch.where(tp0 > 9, torch.ones_like(tp0), tp0).clamp(min=1), surface["tp1"].clamp(min=1)
    half_width = surface.half_width
    edge_u, edge_v = surface.edges()
    bar_u = ((fraction((un + 1) / 2 * across + 0.5) - 0.5).abs()) / across * 2 * half_width
    bar_v = ((fraction((vn + 1) / 2 * up + 0.5) - 0.5).abs()) / up * 2 * hy
    frame = smooth(0.07 - torch.minimum(edge_u, edge_v), surface.pixel)
    frame = torch.maximum(frame, smooth(0.025 - torch.minimum(bar_u, bar_v), surface.pixel))
    slats = (fraction((vn + 1) * (tp0 - 10)) - 0.5).abs() - 0.2
    softness = surface.pixel / hy.clamp(min=0.01) * (tp0 - 10).clamp(min=1) + 0.05
    frame = torch.maximum(frame, smooth(slats, softness) * (tp0 > 9) * 0.85)

    coat.white = torch.where(front, frame, coat.white)
    coat.white = torch.where(where & ~surface.front, torch.ones_like(frame), coat.white)
    view = torch.where(land > 0.5, 0.55, 1.0) * surface.front
    coat.glow = coat.glow * (1 - coat.white) * torch.where(where, view, 1.0)


def _art(surface: Surface, coat: Coat, where: Tensor) -> None:
    """tp0: 0 two fields, 1 a disc, 2 a horizon, 3 blocks; tp1 phase; tp2 brightness of the frame."""
    un, vn, phase, motif = surface.un, surface.vn, surface["tp1"], surface["tp0"]
    sin, cos = torch.sin(phase), torch.cos(phase)
    fields = smooth(un * sin + vn * torch.cos(phase * 1.7) + 0.25 * torch.sin(3 * un + phase), 0.1)
    disc = smooth(0.55 - ((un - 0.3 * sin) ** 2 + (vn - 0.3 * cos) ** 2).sqrt(), 0.1)
    horizon = smooth(vn - 0.3 * torch.sin(un * 3 + phase) - 0.1, 0.1) * 0.7
    blocks = noise(torch.floor(un * 2 + 5) * 3 + torch.floor(vn * 2 + 5) * 7 + torch.floor(phase))
    art = torch.where(
        motif == 0, fields, torch.where(motif == 1, disc, torch.where(motif == 2, horizon, blocks))
    )
    front, (edge_u, edge_v) = where & surface.front, surface.edges()
    coat.mix = torch.where(front, art, coat.mix)
    coat.frame = torch.where(front, smooth(0.045 - torch.minimum(edge_u, edge_v), surface.pixel), coat.frame)
    coat.frame = torch.where(where & ~surface.front, torch.ones_like(coat.frame), coat.frame)


def _grid(surface: Surface) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Of fronts with tp1 × tp0 doors: place in the door as -0.5..0.5 (two), its size (two), and the lines
    between doors."""
    across, up = surface["tp1"], surface["tp0"]
    gu, gv = fraction((surface.un + 1) / 2 * across) - 0.5, fraction((surface.vn + 1) / 2 * up) - 0.5
    su, sv = 2 * surface.half_width / across.clamp(min=0.5), 2 * surface["hy"] / up.clamp(min=0.5)
    gap = torch.minimum((0.5 - gu.abs()) * su, (0.5 - gv.abs()) * sv)
    return gu, gv, su, sv, smooth(0.012 - gap, surface.pixel)


def _drawers(surface: Surface, coat: Coat, where: Tensor) -> None:
    """tp0 rows, tp1 columns; a handle in the middle of each."""
    gu, gv, su, sv, line = _grid(surface)
    knob = smooth(0.025 - torch.maximum((gu * su).abs() - 0.05, (gv * sv).abs()), surface.pixel)
    coat.mix = torch.where(where & surface.front, torch.maximum(line, knob * 0.8), coat.mix)


def _shutters(surface: Surface, coat: Coat, where: Tensor) -> None:
    """tp0 rows, tp1 columns of doors with a panel and a handle at the side."""
    gu, gv, su, sv, line = _grid(surface)
    handle = torch.maximum(((gu.abs() - 0.44) * su).abs(), (gv * sv).abs() - 0.08)
    knob = smooth(0.02 - handle, surface.pixel)
    rim = (torch.maximum((gu.abs() - 0.36) * su, (gv.abs() - 0.44) * sv)).abs()
    panel = 0.35 * smooth(0.015 - rim, surface.pixel)
    coat.mix = torch.where(
        where & surface.front, torch.maximum(torch.maximum(line, knob * 0.8), panel), coat.mix
    )


def _books(surface: Surface, coat: Coat, where: Tensor) -> None:
    """tp0 shelves, tp1 phase; books of 5.5 cm with gaps."""
    vn, shelves, phase = surface.vn, surface["tp0"], surface["tp1"]
    front = where & surface.front
    shelf, height = torch.floor((vn + 1) / 2 * shelves), fraction((vn + 1) / 2 * shelves)
    book = torch.floor((surface.u + 5) / 0.055)
    coat.book_hash = noise(book * 1.7 + shelf * 13.1 + phase)
    below_top = height < 0.55 + 0.35 * noise(book * 2.3 + shelf * 3.7)
    filled = below_top & (height > 0.06) & (noise(torch.floor(book / 4) + shelf * 5.3 + phase) > 0.25)
    inner = (surface.edges()[0] > 0.035) & (height > 0.06) & (height < 0.97)
    coat.mix = torch.where(front & inner, 1.0, coat.mix)
    coat.books = front & inner & filled


def _mirror(surface: Surface, coat: Coat, where: Tensor) -> None:
    """A soft gradient in a frame of the second colour."""
    edge_u, edge_v = surface.edges()
    coat.factor = torch.where(
        where, 1.05 + 0.22 * torch.sin(surface.vn * 1.3 + surface.un * 1.1), coat.factor
    )
    coat.mix = torch.where(where, smooth(0.035 - torch.minimum(edge_u, edge_v), surface.pixel), coat.mix)


def _door(surface: Surface, coat: Coat, where: Tensor) -> None:
    """Two panels and a handle."""
    un, vn, half_width, hy = surface.un, surface.vn, surface.half_width, surface["hy"]
    rim = (torch.maximum((un.abs() - 0.62) * half_width, ((vn.abs() - 0.48).abs() - 0.34) * hy)).abs()
    handle = torch.maximum((un - 0.85).abs() * half_width, (vn + 0.02).abs() * hy)
    lines = torch.maximum(0.8 * smooth(0.014 - rim, surface.pixel), smooth(0.03 - handle, surface.pixel))
    coat.mix = torch.where(where & surface.front, lines, coat.mix)


def _television(surface: Surface, coat: Coat, where: Tensor) -> None:
    """A slanted reflection; tp0 its place."""
    glare = smooth(surface.un + surface.vn - 0.6 + 0.3 * torch.sin(surface["tp0"]), 0.3)
    coat.factor = torch.where(where & surface.front, 1 + 1.5 * glare, coat.factor)


PAINTERS: dict[int, Painter] = {
    Texture.WINDOW: _window,
    Texture.ART: _art,
    Texture.DRAWERS: _drawers,
    Texture.SHUTTER: _shutters,
    Texture.BOOKS: _books,
    Texture.MIRROR: _mirror,
    Texture.DOOR: _door,
    Texture.TELEVISION: _television,
}
