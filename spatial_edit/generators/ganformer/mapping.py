"""GANformer's mapping network: one multi-layer perceptron for all local latents, one for the global latent.

    block   x <- leaky_relu(fc1(act(fc0(SA(x)))) + x),    act = sqrt(2) leaky_relu (0.2 both)
    plain   x <- act(fc(SA(x)))                            SA: the latents attend to each other, x + m

SA has no normalisation, and a learning rate as the rest of the network, while that of fc is multiplied by
0.01 (Hudson and Zitnick 2021, section 3.2, and the published weights).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spatial_edit.generators.ganformer.config import GANformerConfig
from spatial_edit.nn.bipartite_attention import AttentionConfig, BipartiteAttention
from spatial_edit.nn.equalised import SLOPE, EqualisedLinear

LR_MUL = 0.01
EPS = 1e-8


class ResidualDense(nn.Module):
    """Two linear layers and what goes past them: (B, m, width) twice."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc0 = EqualisedLinear(width, width, lr_mul=LR_MUL, activate=True)
        self.fc1 = EqualisedLinear(width, width, lr_mul=LR_MUL)

    def forward(self, x: Tensor, past: Tensor) -> Tensor:
        """x: the block's input; past: what is added to its output."""
        return F.leaky_relu(self.fc1(self.fc0(x)) + past, SLOPE)


class LatentNetwork(nn.Module):
    """(B, m, z_dim) -> (B, m, w_dim), the same for each of the m latents but for their attention."""

    def __init__(self, config: GANformerConfig, *, local: bool) -> None:
        super().__init__()
        w = config.w_dim
        count = (config.mapping_layers + 1) // 2 if config.mapping_residual else config.mapping_layers
        widths = [config.z_dim] + [w] * count
        self.blocks = nn.ModuleList(
            ResidualDense(w)
            if config.mapping_residual
            else EqualisedLinear(widths[i], w, lr_mul=LR_MUL, activate=True)
            for i in range(count)
        )
        self.last = EqualisedLinear(w, w, lr_mul=LR_MUL, activate=True)
        how = AttentionConfig(heads=config.mapping_heads, integration="add", norm="none")
        places = w if config.position_width else 0
        self.attentions = nn.ModuleList(
            BipartiteAttention(
                width, width, config.components, how, position_width=places, latent_position_width=places
            )
            for width in (widths[:count] if local and config.mapping_attention else [])
        )

    def forward(self, x: Tensor, positions: Tensor | None = None) -> Tensor:
        """positions (m, w_dim): of the latents, for their attention."""
        for i, block in enumerate(self.blocks):
            past = x
            if self.attentions:
                x = self.attentions[i](x, x, positions, positions).pixels
            x = block(x, past) if isinstance(block, ResidualDense) else block(x)
        return self.last(x)


class LatentMapping(nn.Module):
    """z (B, k + 1, z_dim), the local latents and then the global one -> codes (B, k + 1, w_dim)."""

    def __init__(self, config: GANformerConfig) -> None:
        super().__init__()
        self.components = config.components
        self.whole = LatentNetwork(config, local=False)
        self.local = LatentNetwork(config, local=True) if config.components else None

    def forward(self, z: Tensor, positions: Tensor | None = None) -> Tensor:
        """positions (k, w_dim). ValueError for another number of latents."""
        if z.dim() != 3 or z.shape[1] != self.components + 1:
            raise ValueError(
                f"z has shape {tuple(z.shape)}: this network takes (B, {self.components + 1}, width)"
            )
        whole = self.whole(_unit(z[:, self.components :]))
        if self.local is None:
            return whole
        return torch.cat([self.local(_unit(z[:, : self.components]), positions), whole], 1)


def _unit(z: Tensor) -> Tensor:
    """z over the root mean square of all its latents together: they keep their relative lengths."""
    return z * (z.square().mean((1, 2), keepdim=True) + EPS).rsqrt()
