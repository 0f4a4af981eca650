"""Paint: the albedo of every surface point, from its two colours and its texture."""

from __future__ import annotations

import torch
from torch import Tensor

from spatial_edit.data.rooms import fronts, textures
from spatial_edit.data.rooms.coat import Coat, noise
from spatial_edit.data.rooms.surface import Surface
from spatial_edit.data.rooms.vocabulary import Texture

GAMMA = 2.2  # display value to linear light
PAINTERS = textures.PAINTERS | fronts.PAINTERS


def paint(surface: Surface, present: set[int]) -> tuple[list[Tensor], Coat]:
    """Linear albedo, three of (B, R), and the coat; `present` are the textures that the rooms have at all."""
    zero = torch.zeros_like(surface.x)
    books = torch.zeros_like(surface.x, dtype=torch.bool)
    coat = Coat(zero, torch.ones_like(zero), zero, zero, books, zero, surface["emis"], zero)
    for texture, painter in PAINTERS.items():
        if texture in present:
            painter(surface, coat, surface["tex"] == texture)
    frame_colour, albedo = surface["tp2"], []
    for channel, (first, second) in enumerate((("r", "r2"), ("g", "g2"), ("b", "b2"))):
        colour = (surface[first] + (surface[second] - surface[first]) * coat.mix) * coat.factor
        if Texture.BOOKS in present:
            colour = torch.where(
                coat.books, 0.25 + 0.6 * noise(coat.book_hash * 31 + 1 + channel * 3.3), colour
            )
        colour = colour + (0.93 - colour) * coat.white
        colour = colour + (frame_colour * (1, 0.95, 0.88)[channel] - colour) * coat.frame
        albedo.append(colour.clamp(0.01, 1.2) ** GAMMA)
    return albedo, coat
