"""Mapping network: pixel norm, then equalised linear layers (Karras et al. 2019, StyleGAN, section 2).

`nn.Sequential` with the norm at index 0, so that the layers are named 1, 2, .. as in the published
checkpoints. With class labels (Karras et al. 2020, ADA, appendix "class-conditional"): the embedded label is
normalised on its own and appended to the normalised z.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from spatial_edit.nn.equalised import EqualisedLinear, PixelNorm, pixel_norm


class MappingNetwork(nn.Sequential):
    """(B, inputs) -> (B, outputs). `hidden_layers(z)` stops before the last layer.

    lr_mul: the learning rate of these layers relative to the rest. activate_last: leaky ReLU after the last
    layer too (StyleGAN2: yes; BlobGAN's layout network: no). scale_weights: see `EqualisedLinear`.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        hidden: int,
        layers: int = 8,
        lr_mul: float = 0.01,
        eps: float = 1e-8,
        activate_last: bool = True,
        scale_weights: bool = False,
    ) -> None:
        widths = [inputs] + [hidden] * (layers - 1) + [outputs]
        linear = [
            EqualisedLinear(
                a, b, lr_mul=lr_mul, activate=activate_last or i < layers - 1, scale_weight=scale_weights
            )
            for i, (a, b) in enumerate(pairwise(widths))
        ]
        super().__init__(PixelNorm(eps), *linear)

    def hidden_layers(self, z: Tensor) -> Tensor:
        """(B, hidden) the activation that enters the last layer."""
        for layer in list(self)[:-1]:
            z = layer(z)
        return z

    def last_layer(self, hidden: Tensor) -> Tensor:
        """(B, outputs) the rest of the network after `hidden_layers`."""
        return self[-1](hidden)


class ConditionalMapping(nn.Module):
    """z (B, inputs) and labels (B, labels), one-hot -> (B, outputs). inputs 0: the label alone is mapped."""

    def __init__(
        self,
        inputs: int,
        labels: int,
        outputs: int,
        *,
        hidden: int,
        embedding: int,
        layers: int = 8,
        lr_mul: float = 0.01,
        eps: float = 1e-8,
    ) -> None:
        super().__init__()
        self.inputs, self.labels, self.eps = inputs, labels, eps
        self.embed = EqualisedLinear(labels, embedding, scale_weight=True)
        widths = [inputs + embedding] + [hidden] * (layers - 1) + [outputs]
        self.layers = nn.Sequential(
            *(
                EqualisedLinear(a, b, lr_mul=lr_mul, activate=True, scale_weight=True)
                for a, b in pairwise(widths)
            )
        )

    def forward(self, z: Tensor | None, labels: Tensor) -> Tensor:
        """z: None where `inputs` is 0. ValueError for labels of another width."""
        if labels.shape[-1] != self.labels:
            raise ValueError(f"labels of {labels.shape[-1]} classes given, this network knows {self.labels}")
        parts = [pixel_norm(self.embed(labels), self.eps)]
        if z is not None:
            parts.insert(0, pixel_norm(z, self.eps))
        return self.layers(torch.cat(parts, -1))
