"""A plain StyleGAN2 (Karras et al. 2020): the baseline without a layout, with as many parameters as our
BlobGAN.

    z -> mapping network -> w -> (truncation) -> synthesis network -> image

Deliberately different from the paper: no style mixing inside the forward pass (give per-layer codes
instead), and truncation is written t = 1 - psi, so that 0 changes nothing and 1 is the mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from spatial_edit.nn.mapping import MappingNetwork
from spatial_edit.nn.stylegan2 import SynthesisNetwork


@dataclass(frozen=True)
class StyleGAN2Config:
    """Sizes of a StyleGAN2. channels: width at every side 4 .. resolution. The default has about 1.1 M
    parameters."""

    resolution: int = 64
    channels: Mapping[int, int] = field(default_factory=lambda: {4: 128, 8: 128, 16: 128, 32: 64, 64: 32})
    z_dim: int = 128
    w_dim: int = 128
    mapping_layers: int = 4

    @classmethod
    def tiny(cls) -> StyleGAN2Config:
        """For tests: 32 px, fewer than 50 000 parameters."""
        return cls(
            resolution=32, channels={4: 16, 8: 16, 16: 16, 32: 8}, z_dim=16, w_dim=16, mapping_layers=2
        )


class StyleGAN2Generator(nn.Module):
    """z (B, z_dim) -> images (B, 3, R, R), nominally in [-1, 1]."""

    w_mean: Tensor

    def __init__(self, config: StyleGAN2Config) -> None:
        super().__init__()
        self.config = config
        self.mapping = MappingNetwork(
            config.z_dim, config.w_dim, hidden=config.w_dim, layers=config.mapping_layers
        )
        self.synthesis = SynthesisNetwork(config.resolution, config.channels, config.w_dim)
        self.register_buffer("w_mean", torch.zeros(config.w_dim))

    def codes(self, z: Tensor, truncation: float = 0.0) -> Tensor:
        """(B, w_dim) intermediate codes, pulled towards `w_mean`: w' = t * mean + (1 - t) * w."""
        if not 0 <= truncation <= 1:
            raise ValueError(f"truncation {truncation}: must be in [0, 1] (0 = none, 1 = the mean)")
        w = self.mapping(z)
        if truncation == 0:
            return w
        if not self.w_mean.any():
            raise ValueError("truncation needs the mean code: call measure_mean() once after training")
        return torch.lerp(w, self.w_mean.to(w.dtype), truncation)

    def forward(self, z: Tensor, noise: Sequence[Tensor] | None = None, truncation: float = 0.0) -> Tensor:
        """noise: one (B or 1, 1, r, r) a layer (`draw_noise`, `noise_of_seeds`), or None for none."""
        return self.synthesis(self.codes(z, truncation), noise)

    def draw_noise(self, batch: int, generator: torch.Generator | None = None) -> list[Tensor]:
        """Fresh N(0, 1) noise for training, one (batch, 1, r, r) a layer, on the model's device."""
        like = self.synthesis.const
        return [
            torch.randn(batch, 1, r, r, generator=generator, device=like.device, dtype=torch.float32)
            for r in self.synthesis.noise_sides
        ]

    @torch.no_grad()
    def measure_mean(self, count: int, generator: torch.Generator) -> Tensor:
        """Stores and returns the mean of w over `count` z, in one batch."""
        z = torch.randn(count, self.config.z_dim, generator=generator, device=generator.device)
        self.w_mean.copy_(self.mapping(z.to(self.w_mean)).mean(0))
        return self.w_mean

    def latents_of_seeds(self, seeds: Sequence[int]) -> tuple[Tensor, list[Tensor]]:
        """(z, noise) of integer seeds 0 .. 2**32 - 1.

        Each from `np.random.RandomState(seed)`, in this order: z_dim normals for z, then every layer's
        noise, row by row, from side 4 upwards.
        """
        draws = [np.random.RandomState(seed) for seed in seeds]
        shapes = [(1, 1, r, r) for r in self.synthesis.noise_sides]

        def stack(shape: tuple[int, ...]) -> Tensor:
            rows = [draw.standard_normal(shape).astype(np.float32) for draw in draws]
            return torch.from_numpy(np.concatenate(rows)).to(self.w_mean.device)

        z = stack((1, self.config.z_dim))  # (B, z_dim)
        return z, [stack(shape) for shape in shapes]

    def sample_images(self, seeds: Sequence[int], truncation: float = 0.0) -> Tensor:
        """(B, 3, R, R) clamped to [-1, 1]: the pictures of integer seeds, noise included."""
        z, noise = self.latents_of_seeds(seeds)
        return self(z, noise, truncation).clamp(-1, 1)
