"""Heatmaps: centres with a spread on a few levels, as in SpatialGAN (Wang et al. 2023), section 3.2.

A level's heatmap is the sum of its centres' Gaussians, each with peak 1: H(p) = sum_k exp(-|p - c_k|^2 / (2
sigma_k^2)). Coarse levels say where the body of a thing is, finer ones where its parts are. sigma is a
standard deviation in fractions of the side; the published code divides the squared distance on a grid of [-1,
1] by a number instead, which is 8 sigma^2 here.

Where a centre of a coarse level is alone on it, the centres of finer levels follow it when it is moved, but
for those that are detached from it or locked.

What a scene looks like may come from other seeds: `appearance` for all of it, `looks` for one object each.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from spatial_edit.layouts.layout import Elements

MAX_CENTRES = 32
LEVELS = 3  # 0 is the coarsest
LEVEL_WORDS = ("coarse", "middle", "fine")
CENTRE_RANGE = (-1.0, 2.0)  # what a zoomed face leaves outside the picture still has a place
SIGMA_RANGE = (0.01, 1.0)


@dataclass(frozen=True, eq=False)
class Heatmaps(Elements):
    """K centres. Shapes: centres (K, 2), sigmas (K,), both float32."""

    kind: ClassVar[str] = "heatmaps"

    centres: Tensor  # (K, 2) x right, y down; within CENTRE_RANGE
    sigmas: Tensor  # (K,) within SIGMA_RANGE
    levels: tuple[int, ...]  # 0 .. LEVELS - 1
    ids: tuple[int, ...]
    hidden: tuple[bool, ...] = ()
    locked: tuple[bool, ...] = ()
    detached: tuple[bool, ...] = ()  # does not follow the coarse level's centre
    looks: tuple[int | None, ...] = ()  # the seed whose style code an object has; None: its scene's own
    appearance: int | None = None  # the seed whose appearance the whole scene has; None: its own
    noise: bool = False  # that seed's noise too

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.detached:
            object.__setattr__(self, "detached", (False,) * len(self.ids))
        if not self.looks:
            object.__setattr__(self, "looks", (None,) * len(self.ids))

    def select(self, keep: list[int]) -> Heatmaps:
        """The centres at the given positions, in the given order."""
        index = torch.tensor(keep, dtype=torch.long)
        return replace(
            self,
            centres=self.centres[index],
            sigmas=self.sigmas[index],
            levels=tuple(self.levels[i] for i in keep),
            ids=tuple(self.ids[i] for i in keep),
            hidden=tuple(self.hidden[i] for i in keep),
            locked=tuple(self.locked[i] for i in keep),
            detached=tuple(self.detached[i] for i in keep),
            looks=tuple(self.looks[i] for i in keep),
        )

    def followers(self, index: int) -> tuple[int, ...]:
        """Positions of the centres that move with the one at a position: all of finer levels, neither
        detached nor locked, when it is alone on its level; else none."""
        level = self.levels[index]
        if self.levels.count(level) > 1:
            return ()
        fixed = [a or b for a, b in zip(self.detached, self.locked, strict=True)]
        return tuple(k for k, at in enumerate(self.levels) if at > level and not fixed[k])

    def seeds(self) -> tuple[int, ...]:
        """The seeds whose appearances the layout names, each once, in the order of their size."""
        return tuple(sorted({seed for seed in (*self.looks, self.appearance) if seed is not None}))

    @property
    def is_plain(self) -> bool:
        """True when it holds centres alone: no detached ones, no appearances."""
        return not (any(self.detached) or self.seeds() or self.noise)

    def field(self, level: int, side: int) -> Tensor:
        """(side, side) the heatmap of a level; gradients flow to centres and sigmas."""
        shown = self.visible()
        chosen = [k for k, at in enumerate(shown.levels) if at == level]
        grid = (torch.arange(side) + 0.5) / side
        x, y = shown.centres[chosen, 0, None, None], shown.centres[chosen, 1, None, None]
        squared = (grid[None, None, :] - x) ** 2 + (grid[None, :, None] - y) ** 2  # (k, side, side)
        return (-squared / (2 * shown.sigmas[chosen, None, None] ** 2)).exp().sum(0)
