"""Frames: a random crop of a photo, with where every point of the photo went.

    source = R(angle) (p - 1/2) / zoom + 1/2 + shift       p: position in the framed picture, both in [0, 1]

`data.framing` cuts photos with them; a generator that was trained on such photos draws layouts with them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


@dataclass(frozen=True)
class FrameRecipe:
    """The frames of a set. zoom: range of the magnification. overhang: how far a frame may reach over the
    photo's edge, as a fraction of its side (mirrored pixels fill it). angle: standard deviation, radians."""

    zoom: tuple[float, float] = (1.0, 1.45)
    overhang: float = 0.06
    angle: float = 0.07


class Frames(NamedTuple):
    """Frames of B photos."""

    zoom: Tensor  # (B,)
    shift: Tensor  # (B, 2) x, y
    angle: Tensor  # (B,)

    def place(self, points: Tensor) -> Tensor:
        """(B, n, 2) where points (B, n, 2) of the photo lie in the framed picture."""
        moved = points - 0.5 - self.shift[:, None]
        cos, sin = self.angle.cos()[:, None], self.angle.sin()[:, None]
        x = moved[..., 0] * cos + moved[..., 1] * sin
        y = moved[..., 1] * cos - moved[..., 0] * sin
        return torch.stack([x, y], -1) * self.zoom[:, None, None] + 0.5


def frames_of(uniforms: Tensor, normals: Tensor, recipe: FrameRecipe) -> Frames:
    """The frames that random numbers stand for: uniforms (B, 3) in [0, 1) give the zoom and the shift, as far
    as the overhang lets, normals (B,) the angle (at most three deviations)."""
    low, high = recipe.zoom
    zoom = low + (high - low) * uniforms[:, 0]
    reach = (1 - 1 / zoom) / 2 + recipe.overhang
    shift = (2 * uniforms[:, 1:] - 1) * reach[:, None]
    return Frames(zoom, shift, (recipe.angle * normals).clamp(-3 * recipe.angle, 3 * recipe.angle))
