"""Hierarchical heatmaps as a network sees them (EqGAN-SA, Wang et al. 2022, section 3.1; SpatialGAN, Wang et
al. 2023, section 3.2): drawing and sampling.

    H_i(p) = height_i * exp(-|p - c_i|^2 / spread_i) + floor

p and c are (y, x) on a grid of [-1, 1] whose outermost pixel centres lie at -1 and 1 ("corner aligned"). The
spread divides the squared distance: it is twice a variance. This is the published network's own frame; the
layout's, with x and y in [0, 1] and standard deviations, is converted in `eqgan_scenes`.

The numbers of the recipe are those that the published weights were trained with. The paper gives others (a
root of deviation 1/3 of the side, finer centres of deviation 1/6), which its released models never saw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

FLOOR = 0.01  # under every sub-heatmap


@dataclass(frozen=True, eq=False)
class HeatmapLevel:
    """The centres of one level for a batch of pictures, n for each."""

    centres: Tensor  # (B, n, 2) as (y, x)
    spreads: Tensor  # (B, n) above 0
    heights: Tensor | None = None  # (B, n) of the peaks, 1 unless given; 0: the centre is not there

    def draw(self, side: int, floor: float = FLOOR) -> Tensor:
        """(B, n, side, side) one map a centre; gradients flow to centres, spreads and heights."""
        grid = 2 * torch.arange(side, device=self.centres.device) / (side - 1) - 1
        y, x = self.centres[..., 0, None], self.centres[..., 1, None]  # (B, n, 1)
        spreads = self.spreads[..., None]
        # the exponential of a sum is a product: two lines of pixels instead of a square of exponentials
        rows, columns = ((-(grid - c).square() / spreads).exp() for c in (y, x))  # (B, n, side)
        maps = rows[..., :, None] * columns[..., None, :]
        return (maps if self.heights is None else maps * self.heights[..., None, None]) + floor

    def to(self, device: torch.device) -> HeatmapLevel:
        """The same on a device."""
        heights = None if self.heights is None else self.heights.to(device)
        return HeatmapLevel(self.centres.to(device), self.spreads.to(device), heights)

    def shifted(self, dy: float, dx: float) -> HeatmapLevel:
        """All centres moved alike: what a finer level does when the root moves."""
        return replace(self, centres=self.centres + self.centres.new_tensor([dy, dx]))


@dataclass(frozen=True)
class LevelRecipe:
    """How a level is sampled: n centres, uniformly up to `reach` from the root along each axis (0: the root
    itself), and spreads, uniformly in a range."""

    count: int
    reach: float
    spread: tuple[float, float]


PUBLISHED = (
    LevelRecipe(1, 0.0, (0.5, 1.0)),
    LevelRecipe(2, 0.4, (0.1 / 1.4, 1.1 / 1.4)),
    LevelRecipe(4, 0.8, (0.05, 0.55)),
)
ROOT_DEVIATION = 0.33
ROOT_LIMIT = 0.75  # the root is clamped to this


def sample_levels(
    draw: np.random.RandomState, recipe: Sequence[LevelRecipe] = PUBLISHED
) -> tuple[HeatmapLevel, ...]:
    """The levels of one picture (B = 1) from a stream of random numbers.

    Order of the draws: two normals for the root (y, x); then for every level with a reach its offsets, centre
    by centre (y, x); then every level's spreads.
    """
    root = np.clip(draw.standard_normal(2) * ROOT_DEVIATION, -ROOT_LIMIT, ROOT_LIMIT)
    centres = []
    for level in recipe:
        offsets = np.zeros((level.count, 2))
        if level.reach:
            offsets = draw.uniform(-level.reach, level.reach, (level.count, 2))
        centres.append(root + offsets)
    spreads = [draw.uniform(*level.spread, level.count) for level in recipe]
    return tuple(
        HeatmapLevel(torch.from_numpy(c).float()[None], torch.from_numpy(s).float()[None])
        for c, s in zip(centres, spreads, strict=True)
    )


def stack_levels(pictures: Sequence[Sequence[HeatmapLevel]]) -> tuple[HeatmapLevel, ...]:
    """The levels of several pictures as those of one batch."""

    def join(levels: Sequence[HeatmapLevel]) -> HeatmapLevel:
        centres = torch.cat([level.centres for level in levels])
        spreads = torch.cat([level.spreads for level in levels])
        if all(level.heights is None for level in levels):
            return HeatmapLevel(centres, spreads)
        ones = [torch.ones_like(v.spreads) if v.heights is None else v.heights for v in levels]
        return HeatmapLevel(centres, spreads, torch.cat(ones))

    return tuple(join(levels) for levels in zip(*pictures, strict=True))


def draw_levels(levels: Sequence[HeatmapLevel], side: int) -> list[Tensor]:
    """One (B, n, side, side) a level."""
    return [level.draw(side) for level in levels]
