"""The convolutional parts of three ImageNet classifiers, as measures of likeness read them.

VGG16 (Simonyan and Zisserman 2015, table 1, column D), AlexNet in its one-tower form (Krizhevsky 2014) and
SqueezeNet 1.1 (Iandola et al. 2016, with the later release's smaller strides). Layers have the numbers of the
common weight files (`features.0.weight`), so that those load by name. What comes after the last tap, the
classifiers included, is left out.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Trunk(nn.Module):
    """Pictures (B, 3, H, W), scaled as the weights want them -> the activations of some layers.

    taps: the numbers of those layers; widths: their channels.
    """

    def __init__(self, layers: Sequence[nn.Module], taps: tuple[int, ...], widths: tuple[int, ...]) -> None:
        super().__init__()
        self.features = nn.Sequential(*layers)
        self.taps, self.widths = taps, widths

    def forward(self, images: Tensor) -> list[Tensor]:
        x, found = images, []
        for number, layer in enumerate(self.features):
            x = layer(x)
            if number in self.taps:
                found.append(x)
        return found


class Fire(nn.Module):
    """SqueezeNet's module: 1 x 1 down to `squeeze` channels, then 1 x 1 and 3 x 3 side by side, `expand`
    each."""

    def __init__(self, inputs: int, squeeze: int, expand: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(inputs, squeeze, 1)
        self.expand1x1 = nn.Conv2d(squeeze, expand, 1)
        self.expand3x3 = nn.Conv2d(squeeze, expand, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.squeeze(x).relu()
        return torch.cat([self.expand1x1(x), self.expand3x3(x)], 1).relu()


def vgg16() -> Trunk:
    """14,714,688 parameters; taps after the last layer of each of the five stages, before it is pooled."""
    layers: list[nn.Module] = []
    inputs = 3
    for stage, (width, count) in enumerate(((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))):
        if stage:
            layers.append(nn.MaxPool2d(2))
        for _ in range(count):
            layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU()]
            inputs = width
    return Trunk(layers, (3, 8, 15, 22, 29), (64, 128, 256, 512, 512))


def alexnet() -> Trunk:
    """2,469,696 parameters; taps after each of the five convolutions."""
    layers: list[nn.Module] = [nn.Conv2d(3, 64, 11, 4, 2), nn.ReLU(), nn.MaxPool2d(3, 2)]
    layers += [nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)]
    for inputs, width in ((192, 384), (384, 256), (256, 256)):
        layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU()]
    return Trunk(layers, (1, 4, 7, 9, 11), (64, 192, 384, 256, 256))


def squeezenet() -> Trunk:
    """722,496 parameters; taps after the first convolution and after the modules 4, 7, 9, 10, 11, 12."""

    def pool() -> nn.Module:
        return nn.MaxPool2d(3, 2, ceil_mode=True)

    layers: list[nn.Module] = [nn.Conv2d(3, 64, 3, 2), nn.ReLU(), pool()]
    layers += [Fire(64, 16, 64), Fire(128, 16, 64), pool()]
    layers += [Fire(128, 32, 128), Fire(256, 32, 128), pool()]
    layers += [Fire(256, 48, 192), Fire(384, 48, 192), Fire(384, 64, 256), Fire(512, 64, 256)]
    return Trunk(layers, (1, 4, 7, 9, 10, 11, 12), (64, 128, 256, 384, 384, 512, 512))
