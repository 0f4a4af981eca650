"""The cats' training set: every photo in several random frames, its parts pushed about a little.

The centres of each picture's heatmap are known: face, two eyes, two ears, nose and chest of an aligned photo,
moved as the frame and the push have moved them. z are whitened principal components: for SpatialGAN of the
photo without its frame, so that where things are can be learned from the heatmap alone; for the baseline,
which has no heatmap, of the framed pictures.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from spatial_edit.data.framing import Frames, draw_frames, framed
from spatial_edit.generators.spatialgan.levels import Centres, Levels
from spatial_edit.train.cats_recipe import COUNT, POINTS, SIGMAS, CatsRecipe
from spatial_edit.train.scenes import as_float


def levels_of(offsets: Tensor, frames: Frames) -> Levels:
    """The heatmap of framed photos whose points lie `offsets` (B, COUNT) beside the usual ones."""
    result, start = [], 0
    for points, sigma in zip(POINTS, SIGMAS, strict=True):
        own = offsets[:, start : start + 2 * len(points)].unflatten(1, (-1, 2))
        start += 2 * len(points)
        usual = torch.tensor(points, device=offsets.device)
        sigmas = (sigma * frames.zoom)[:, None].expand(-1, len(points))
        result.append(Centres(frames.place(usual + own), sigmas, torch.ones_like(sigmas)))
    return tuple(result)


class Components:
    """Principal components of pictures (N, 3, R, R): z of a picture is its whitened coefficients, and so
    nearly N(0, 1)."""

    @torch.no_grad()
    def __init__(self, pictures: Tensor, count: int, seed: int = 0) -> None:
        flat = pictures.flatten(1)
        self.mean = flat.mean(0)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            _, spread, self.basis = torch.pca_lowrank(flat - self.mean, count, center=False, niter=3)
        self.scale = spread / len(flat) ** 0.5

    def __call__(self, pictures: Tensor) -> Tensor:
        """(B, count) of pictures (B, 3, R, R)."""
        return (pictures.flatten(1) - self.mean) @ self.basis / self.scale


@dataclass(frozen=True, eq=False)
class FramedSet:
    """N framed pictures: uint8 (N, 3, R, R), their heatmaps, their z (N, z_dim), and how much each entry of z
    matters (z_dim,)."""

    pictures: Tensor
    levels: Levels
    z: Tensor
    scale: Tensor

    def __len__(self) -> int:
        return len(self.pictures)


@torch.no_grad()
def framed_set(photos: Tensor, recipe: CatsRecipe) -> FramedSet:
    """The training set of photos (N, 3, h, h), uint8: `views` frames of each, every second one mirrored."""
    side, random = recipe.resolution, torch.Generator().manual_seed(recipe.seed)
    pictures, heat, upright = [], [], []
    for view in range(recipe.views):
        for part in photos.split(64):
            batch = as_float(part if view % 2 else part.flip(3))
            frames = draw_frames(len(batch), recipe.frames, random)
            offsets = (recipe.push * torch.randn(len(batch), COUNT, generator=random)).clamp(-0.05, 0.05)
            usual = torch.tensor([p for level in POINTS for p in level])
            views = framed(batch, frames, side, pushed=(usual, offsets.unflatten(1, (-1, 2))))
            pictures.append((views * 127.5 + 127.5).round().clamp(0, 255).byte())
            heat.append(levels_of(offsets, frames))
            if view < 2:
                upright.append(F.interpolate(batch, (side, side), mode="bilinear", antialias=True))
    everything = torch.cat(pictures)
    levels = tuple(
        Centres(
            *(torch.cat([getattr(h[i], name) for h in heat]) for name in ("centres", "sigmas", "heights"))
        )
        for i in range(len(POINTS))
    )
    if recipe.spatial is None:
        known = as_float(everything[torch.randperm(len(everything), generator=random)[:8192]])
        components = Components(known, recipe.z_dim, recipe.seed)
        z = torch.cat([components(as_float(part)) for part in everything.split(512)])
    else:
        known = torch.cat(upright)
        components = Components(known, recipe.z_dim, recipe.seed)
        two = components(known).unflatten(0, (2, -1)) if recipe.views > 1 else components(known)[None]
        z = torch.cat([two[view % len(two)] for view in range(recipe.views)])
    return FramedSet(everything, levels, z, components.scale / components.scale.square().mean().sqrt())
