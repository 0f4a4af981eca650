"""Exponential moving average of weights, with the half-life counted in images (Karras et al. 2018,
appendix)."""

from __future__ import annotations

import copy

import torch
from torch import nn


class Ema:
    """A slowly following copy. Half-life `half_life` images, shorter at the start: at most `ramp` of what was
    seen."""

    def __init__(self, source: nn.Module, half_life: float = 5000.0, ramp: float = 0.05) -> None:
        self.module = copy.deepcopy(source).eval().requires_grad_(False)
        self.half_life, self.ramp = half_life, ramp

    def keep(self, batch: int, images: int) -> float:
        """The copy's share in its next value, after `batch` more of `images` images."""
        half_life = min(self.half_life, max(images * self.ramp, 1.0))
        return 0.5 ** (batch / half_life)

    @torch.no_grad()
    def update(self, source: nn.Module, batch: int, images: int) -> None:
        keep = self.keep(batch, images)
        for mine, theirs in zip(self.module.parameters(), source.parameters(), strict=True):
            mine.lerp_(theirs.to(mine.dtype), 1 - keep)
        for held, current in zip(self.module.buffers(), source.buffers(), strict=True):
            held.copy_(current)


class FixedEma(Ema):
    """A copy that keeps `decay` of itself at every step, whatever the batch (Epstein et al. 2022)."""

    def __init__(self, source: nn.Module, decay: float) -> None:
        super().__init__(source)
        self.decay = decay

    def keep(self, batch: int, images: int) -> float:
        return self.decay
