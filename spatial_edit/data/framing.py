"""Aligned photos under random framing: zoomed, shifted, turned a little and mirrored, with the frame known.

Faces of an aligned set all lie in the same place, so that no generator trained on it could learn to put one
elsewhere. A random frame makes position a property of the picture, and tells where the face went.

The maths of a frame is in `layouts.frames`, since what is trained here draws layouts with it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from spatial_edit.layouts.frames import FrameRecipe, Frames, frames_of

NEAR = 0.1  # standard deviation of what comes along with a pushed point, fractions of the photo's side

__all__ = ["FrameRecipe", "Frames", "draw_frames", "framed"]


def draw_frames(count: int, recipe: FrameRecipe, generator: torch.Generator | None = None) -> Frames:
    """Zoom uniform, shift uniform as far as the overhang lets, angle normal (at most three deviations)."""
    zoom = torch.rand(count, generator=generator)
    shift = torch.rand(count, 2, generator=generator)
    angle = torch.randn(count, generator=generator)
    return frames_of(torch.cat([zoom[:, None], shift], 1), angle, recipe)


def framed(photos: Tensor, frames: Frames, side: int, pushed: tuple[Tensor, Tensor] | None = None) -> Tensor:
    """(B, 3, side, side) of photos (B, 3, h, h): bilinear at twice the side, then averaged.

    pushed: points (n, 2) of the photos and how far each goes, (B, n, 2); what is near comes along.
    """
    axis = (torch.arange(2 * side, device=photos.device) + 0.5) / (2 * side) - 0.5
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    cos, sin = (
        v[:, None, None] / frames.zoom[:, None, None] for v in (frames.angle.cos(), frames.angle.sin())
    )
    sx = x * cos - y * sin + frames.shift[:, 0, None, None]
    sy = y * cos + x * sin + frames.shift[:, 1, None, None]
    grid = torch.stack([sx, sy], -1)
    if pushed is not None:
        points, offsets = pushed
        to = points + offsets - 0.5  # (B, n, 2) where they are now
        near = ((grid[:, None] - to[:, :, None, None]).square().sum(-1) / (-2 * NEAR**2)).exp()
        grid = grid - torch.einsum("bnhw,bnc->bhwc", near, offsets)
    grid = grid * 2
    return F.avg_pool2d(F.grid_sample(photos, grid, "bilinear", "reflection", align_corners=False), 2)
