"""GANformer (Hudson and Zitnick 2021): a picture from several latents that its pixels attend to.

    z (k local, 1 global) -> mapping network -> codes -> (truncation) -> synthesis network -> image

As published, all local latents and the global one share one mean code. Truncation is written t = 1 - psi.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from spatial_edit.generators.ganformer.config import GANformerConfig
from spatial_edit.generators.ganformer.mapping import LatentMapping
from spatial_edit.generators.ganformer.synthesis import AttentiveSynthesis, Drawn


class GANformer(nn.Module):
    """z (B, k + 1, z_dim) -> images (B, 3, R, R), nominally in [-1, 1]."""

    w_mean: Tensor

    def __init__(self, config: GANformerConfig) -> None:
        super().__init__()
        self.config = config
        self.mapping = LatentMapping(config)
        self.synthesis = AttentiveSynthesis(config)
        placed = config.components and config.position_width
        self.positions = nn.Parameter(torch.rand(config.components, config.w_dim)) if placed else None
        self.register_buffer("w_mean", torch.zeros(config.w_dim))

    def codes(self, z: Tensor, truncation: float = 0.0, layers: int | None = None) -> Tensor:
        """(B, k + 1, num_codes, w_dim): w' = t * mean + (1 - t) * w, in the first `layers` codes (or all)."""
        if not 0 <= truncation <= 1:
            raise ValueError(f"truncation {truncation}: must be in [0, 1] (0 = none, 1 = the mean)")
        w = self.mapping(z, self.positions)[:, :, None].expand(-1, -1, self.synthesis.num_codes, -1)
        if truncation == 0:
            return w
        if not self.w_mean.any():
            raise ValueError("truncation needs the mean code: call measure_mean() once after training")
        near = torch.lerp(w, self.w_mean.to(w.dtype), truncation)
        return near if layers is None else torch.cat([near[:, :, :layers], w[:, :, layers:]], 2)

    def forward(self, z: Tensor, noise: Sequence[Tensor] | None = None, truncation: float = 0.0) -> Tensor:
        """noise: one (B or 1, 1, r, r) a layer (`draw_noise`, `latents_of_seeds`), or None for none."""
        return self.synthesis(self.codes(z, truncation), noise, self.positions)

    def draw(self, z: Tensor, noise: Sequence[Tensor] | None = None, truncation: float = 0.0) -> Drawn:
        """As `forward`, with the attention maps of every layer."""
        return self.synthesis.draw(self.codes(z, truncation), noise, self.positions)

    def draw_noise(self, batch: int, generator: torch.Generator | None = None) -> list[Tensor]:
        """Fresh N(0, 1) noise for training, one (batch, 1, r, r) a layer, on the model's device."""
        like = self.synthesis.const
        return [
            torch.randn(batch, 1, r, r, generator=generator, device=like.device, dtype=torch.float32)
            for r in self.synthesis.noise_sides
        ]

    @torch.no_grad()
    def measure_mean(self, count: int, generator: torch.Generator) -> Tensor:
        """Stores and returns the mean of w over `count` z and all their latents, in one batch, no dropout."""
        shape = (count, self.config.components + 1, self.config.z_dim)
        z = torch.randn(shape, generator=generator, device=generator.device)
        training = self.training
        self.eval()
        self.w_mean.copy_(self.mapping(z.to(self.w_mean), self.positions).mean((0, 1)))
        self.train(training)
        return self.w_mean

    def latents_of_seeds(self, seeds: Sequence[int]) -> tuple[Tensor, list[Tensor]]:
        """(z, noise) of integer seeds 0 .. 2**32 - 1.

        Each from `np.random.RandomState(seed)`, in this order: z, latent by latent, the local ones first and
        the global one last; then every layer's noise, row by row, from side 4 upwards. A model with fixed
        noise has that, and draws none.
        """
        draws = [np.random.RandomState(seed) for seed in seeds]

        def stack(shape: tuple[int, ...]) -> Tensor:
            rows = [draw.standard_normal(shape).astype(np.float32) for draw in draws]
            return torch.from_numpy(np.concatenate(rows)).to(self.w_mean.device)

        z = stack((1, self.config.components + 1, self.config.z_dim))  # (B, k + 1, z_dim)
        if self.config.fixed_noise:
            return z, [noise.expand(len(seeds), -1, -1, -1) for noise in self.synthesis.own_noise()]
        return z, [stack((1, 1, side, side)) for side in self.synthesis.noise_sides]
