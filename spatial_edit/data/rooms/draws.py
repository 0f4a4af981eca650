"""Draws: every random number of a batch of rooms comes from one CPU generator, in the order in which the code
is written.

The order of the draws is part of the format: to reorder two calls gives other rooms for the same seed.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


class Draws:
    """Random tensors with `count` rows from `torch.Generator(seed)` on the CPU."""

    def __init__(self, count: int, seed: int) -> None:
        self.count = count
        self.generator = torch.Generator(device="cpu").manual_seed(seed)

    def uniform(self, low: float = 0.0, high: float = 1.0, *shape: int) -> Tensor:
        """(count, *shape) in [low, high)."""
        return torch.rand(self.count, *shape, generator=self.generator) * (high - low) + low

    def normal(self) -> Tensor:
        """(count,) standard normal."""
        return torch.randn(self.count, generator=self.generator)

    def chance(self, probability: float) -> Tensor:
        """(count,) bool, true with the given probability."""
        return torch.rand(self.count, generator=self.generator) < probability

    def choice(self, weights: Sequence[float], tries: int | None = None) -> Tensor:
        """(count,) or (count, tries) int64 positions, drawn with the given weights."""
        rows = self.count * (1 if tries is None else tries)
        drawn = torch.multinomial(torch.tensor(weights), rows, replacement=True, generator=self.generator)
        return drawn if tries is None else drawn.view(self.count, tries)

    def colour(
        self, hue: tuple[float, float], saturation: tuple[float, float], value: tuple[float, float]
    ) -> Tensor:
        """(count, 3) a colour with hue, saturation and value uniform in these ranges, drawn in that order."""
        return hsv(self.uniform(*hue), self.uniform(*saturation), self.uniform(*value))


def hsv(hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    """(B, 3) display RGB of hue (any real, period 1), saturation and value in 0..1."""
    sector = (hue % 1.0) * 6

    def channel(offset: int) -> Tensor:
        k = (offset + sector) % 6
        return value - value * saturation * torch.clamp(torch.minimum(k, 4 - k), 0, 1)

    return torch.stack([channel(5), channel(3), channel(1)], -1)


def pick(condition: Tensor, yes: Tensor, no: Tensor) -> Tensor:
    """(B, 3) `yes` in the rows where condition (B,) holds, `no` elsewhere."""
    return torch.where(condition[:, None], yes, no)
