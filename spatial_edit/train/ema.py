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

    @torch.no_grad()
    def update(self, source: nn.Module, batch: int, images: int) -> None:
        half_life = min(self.half_life, max(images * self.ramp, 1.0))
        keep = 0.5 ** (batch / half_life)
        for mine, theirs in zip(self.module.parameters(), source.parameters(), strict=True):
            mine.lerp_(theirs.to(mine.dtype), 1 - keep)
        for held, current in zip(self.module.buffers(), source.buffers(), strict=True):
            held.copy_(current)
