"""Mapping network: pixel norm, then equalised linear layers (Karras et al. 2019, StyleGAN, section 2).

`nn.Sequential` with the norm at index 0, so that the layers are named 1, 2, .. as in the published
checkpoints.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from spatial_edit.nn.equalised import EqualisedLinear, PixelNorm


class MappingNetwork(nn.Sequential):
    """(B, inputs) -> (B, outputs). `hidden_layers(z)` stops before the last layer.

    lr_mul: the learning rate of these layers relative to the rest. activate_last: leaky ReLU after the last
    layer too (StyleGAN2: yes; BlobGAN's layout network: no).
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
    ) -> None:
        widths = [inputs] + [hidden] * (layers - 1) + [outputs]
        linear = [
            EqualisedLinear(a, b, lr_mul=lr_mul, activate=activate_last or i < layers - 1)
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
