"""Differentiable augmentation (Zhao et al. 2020): what the discriminator sees of real and of generated
pictures alike.

Only the policy's colour part: position is what our heatmaps are about, and the framing of the photos has
already varied it.
"""

from __future__ import annotations

import torch
from torch import Tensor


def recoloured(pictures: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Brightness by -0.5 .. 0.5, saturation times 0 .. 2, contrast times 0.5 .. 1.5, each its own."""

    def uniform(low: float, high: float) -> Tensor:
        drawn = low + (high - low) * torch.rand(len(pictures), 1, 1, 1, generator=generator)
        return drawn.to(pictures)

    pictures = pictures + uniform(-0.5, 0.5)
    grey = pictures.mean(1, keepdim=True)
    pictures = (pictures - grey) * uniform(0, 2) + grey
    mean = pictures.mean((1, 2, 3), keepdim=True)
    return (pictures - mean) * uniform(0.5, 1.5) + mean
