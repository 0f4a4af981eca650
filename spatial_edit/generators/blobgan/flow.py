"""z to scene vector: a rectified flow in the space of the training scenes' principal components.

Liu et al. 2022, eq. 1: x_t = (1 - t) x_0 + t x_1 with x_0 noise and x_1 data, a network v(x, t) regresses x_1
- x_0, and dx/dt = v carries a draw of the noise to a draw of the data. Scene vectors are standardised,
weighted (geometry and colours matter more than codes), projected on their first principal components and
whitened; the flow works there. It takes the place of the published eight-layer layout network (Epstein et al.
2022, section 3.1; `layout_network.py`), and truncation acts as it does there: h' = (1 - t) h + t mean(h),
where h is the whitened coefficient vector with mean 0."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class FlowConfig:
    """Sizes of the layout sampler."""

    components: int = 224
    hidden: int = 352
    blocks: int = 4
    steps: int = 24


class VelocityNetwork(nn.Module):
    """v(x, t): residual blocks with layer norm, the time in each."""

    def __init__(self, config: FlowConfig) -> None:
        super().__init__()
        width = config.hidden
        self.entry = nn.Linear(config.components + 17, width)
        self.blocks = nn.ModuleList(
            [
                nn.Sequential(
                    nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width)
                )
                for _ in range(config.blocks)
            ]
        )
        self.times = nn.ModuleList([nn.Linear(17, width) for _ in range(config.blocks)])
        self.exit = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, config.components))

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """x (B, R), t (B,) in [0, 1]."""
        phase = t[:, None]
        waves = [f(phase * (math.pi * 2**k)) for k in range(8) for f in (torch.sin, torch.cos)]
        time = torch.cat([phase, *waves], 1)
        h = self.entry(torch.cat([x, time], 1))
        for block, at in zip(self.blocks, self.times, strict=True):
            h = h + block(h + at(time))
        return self.exit(h)


class LayoutFlow(nn.Module):
    """z (B, R) standard normal to scene vectors (B, V)."""

    mean: Tensor
    spread: Tensor
    basis: Tensor
    offset: Tensor
    scale: Tensor

    def __init__(self, config: FlowConfig, length: int) -> None:
        super().__init__()
        self.config = config
        self.velocity = VelocityNetwork(config)
        self.register_buffer("mean", torch.zeros(length))
        self.register_buffer("spread", torch.ones(length))  # standard deviation / weight of each entry
        self.register_buffer("offset", torch.zeros(length))
        self.register_buffer("basis", torch.zeros(length, config.components))
        self.register_buffer("scale", torch.ones(config.components))

    def trunk(self, z: Tensor) -> Tensor:
        """h (B, R): the flow from noise to whitened coefficients, Heun's method."""
        steps = self.config.steps
        x = z
        for i in range(steps):
            t = torch.full((len(z),), i / steps, device=z.device, dtype=z.dtype)
            slope = self.velocity(x, t)
            if i == steps - 1:
                return x + slope / steps
            ahead = x + slope / steps
            x = x + (slope + self.velocity(ahead, t + 1 / steps)) / (2 * steps)
        return x

    def head(self, h: Tensor) -> Tensor:
        """Scene vectors of whitened coefficients."""
        return ((h * self.scale) @ self.basis.T + self.offset) * self.spread + self.mean

    def project(self, vectors: Tensor, mask: Tensor) -> Tensor:
        """The whitened coefficients of scene vectors; masked entries count as their mean."""
        standard = (vectors - self.mean) / self.spread * mask
        return ((standard - self.offset) @ self.basis) / self.scale

    def forward(self, z: Tensor, truncation: float = 0.0) -> Tensor:
        return self.head(self.trunk(z) * (1 - truncation))
