"""Aligned photos under random framing: zoomed, shifted, turned a little and mirrored, with the frame known.

Faces of an aligned set all lie in the same place, so that no generator trained on it could learn to put one
elsewhere. A random frame makes position a property of the picture, and tells where the face went.

    source = R(angle) (p - 1/2) / zoom + 1/2 + shift          p: position in the framed picture, both in [0, 1]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class FrameRecipe:
    """The frames of a set. zoom: range of the magnification. overhang: how far a frame may reach over the
    photo's edge, as a fraction of its side (mirrored pixels fill it). angle: standard deviation in radians."""

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


def draw_frames(count: int, recipe: FrameRecipe, generator: torch.Generator | None = None) -> Frames:
    """Zoom uniform, shift uniform as far as the overhang lets, angle normal (at most three deviations)."""
    low, high = recipe.zoom
    zoom = low + (high - low) * torch.rand(count, generator=generator)
    reach = (1 - 1 / zoom) / 2 + recipe.overhang
    shift = (2 * torch.rand(count, 2, generator=generator) - 1) * reach[:, None]
    angle = (recipe.angle * torch.randn(count, generator=generator)).clamp(-3 * recipe.angle, 3 * recipe.angle)
    return Frames(zoom, shift, angle)


def framed(photos: Tensor, frames: Frames, side: int) -> Tensor:
    """(B, 3, side, side) of photos (B, 3, h, h): bilinear at twice the side, then averaged."""
    axis = (torch.arange(2 * side, device=photos.device) + 0.5) / (2 * side) - 0.5
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    cos, sin = (v[:, None, None] / frames.zoom[:, None, None] for v in (frames.angle.cos(), frames.angle.sin()))
    sx = x * cos - y * sin + frames.shift[:, 0, None, None]
    sy = y * cos + x * sin + frames.shift[:, 1, None, None]
    grid = torch.stack([sx, sy], -1) * 2
    return F.avg_pool2d(F.grid_sample(photos, grid, "bilinear", "reflection", align_corners=False), 2)
