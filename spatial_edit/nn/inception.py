"""The Inception network whose features the Fréchet Inception Distance is taken over (Szegedy et al. 2016,
"Rethinking the Inception Architecture", table 1; Heusel et al. 2017).

It is the network of 2015-12-05 with 1008 outputs, which differs from the later ones that share its shapes:
average pooling does not count the padding, and the last block's pooling branch takes the maximum. Batch norms
have eps 1e-3. Names of layers are those of the published PyTorch port. The classifier is left out: the
features are what is averaged before it.

Pictures are resized to 299 px, bilinear without antialiasing and without aligned corners, as that port does;
the original program resizes a little differently, which moves a distance by some hundredths.
"""

from __future__ import annotations

from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SIDE = 299
CHUNK = 16


class _Pool(Protocol):
    def __call__(self, x: Tensor) -> Tensor: ...


def mean_pool(x: Tensor) -> Tensor:
    """3 x 3 with stride 1; at the border the mean is over the pixels that are there."""
    return F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)


def max_pool(x: Tensor) -> Tensor:
    """3 x 3 with stride 1."""
    return F.max_pool2d(x, 3, 1, 1)


class Unit(nn.Module):
    """Convolution without bias, batch norm, ReLU. A kernel (1, 7) or (7, 1) is half of a factored 7 x 7."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int | tuple[int, int], *, stride: int = 1, pad: bool = True
    ) -> None:
        super().__init__()
        size = (kernel, kernel) if isinstance(kernel, int) else kernel
        padding = (size[0] // 2, size[1] // 2) if pad else (0, 0)
        self.conv = nn.Conv2d(inputs, outputs, size, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.conv(x)).relu()


class MixedA(nn.Module):
    """35 x 35: branches of 1 x 1, 5 x 5, twice 3 x 3, and pooling. 224 + `pooled` channels."""

    def __init__(self, inputs: int, pooled: int) -> None:
        super().__init__()
        self.branch1x1 = Unit(inputs, 64, 1)
        self.branch5x5_1, self.branch5x5_2 = Unit(inputs, 48, 1), Unit(48, 64, 5)
        self.branch3x3dbl_1, self.branch3x3dbl_2 = Unit(inputs, 64, 1), Unit(64, 96, 3)
        self.branch3x3dbl_3 = Unit(96, 96, 3)
        self.branch_pool = Unit(inputs, pooled, 1)

    def forward(self, x: Tensor) -> Tensor:
        five = self.branch5x5_2(self.branch5x5_1(x))
        three = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch1x1(x), five, three, self.branch_pool(mean_pool(x))], 1)


class MixedB(nn.Module):
    """35 x 35 to 17 x 17: 480 channels more than came in."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.branch3x3 = Unit(inputs, 384, 3, stride=2, pad=False)
        self.branch3x3dbl_1, self.branch3x3dbl_2 = Unit(inputs, 64, 1), Unit(64, 96, 3)
        self.branch3x3dbl_3 = Unit(96, 96, 3, stride=2, pad=False)

    def forward(self, x: Tensor) -> Tensor:
        three = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch3x3(x), three, F.max_pool2d(x, 3, 2)], 1)


class MixedC(nn.Module):
    """17 x 17 with 768 channels: branches of 1 x 1, 7 x 7, twice 7 x 7 (factored), and pooling."""

    def __init__(self, width: int) -> None:
        super().__init__()
        across, down = (1, 7), (7, 1)
        self.branch1x1 = Unit(768, 192, 1)
        self.branch7x7_1, self.branch7x7_2 = Unit(768, width, 1), Unit(width, width, across)
        self.branch7x7_3 = Unit(width, 192, down)
        self.branch7x7dbl_1, self.branch7x7dbl_2 = Unit(768, width, 1), Unit(width, width, down)
        self.branch7x7dbl_3, self.branch7x7dbl_4 = Unit(width, width, across), Unit(width, width, down)
        self.branch7x7dbl_5 = Unit(width, 192, across)
        self.branch_pool = Unit(768, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        seven = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        twice = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        twice = self.branch7x7dbl_5(self.branch7x7dbl_4(twice))
        return torch.cat([self.branch1x1(x), seven, twice, self.branch_pool(mean_pool(x))], 1)


class MixedD(nn.Module):
    """17 x 17 to 8 x 8: 768 channels to 1280."""

    def __init__(self) -> None:
        super().__init__()
        self.branch3x3_1, self.branch3x3_2 = Unit(768, 192, 1), Unit(192, 320, 3, stride=2, pad=False)
        self.branch7x7x3_1, self.branch7x7x3_2 = Unit(768, 192, 1), Unit(192, 192, (1, 7))
        self.branch7x7x3_3 = Unit(192, 192, (7, 1))
        self.branch7x7x3_4 = Unit(192, 192, 3, stride=2, pad=False)

    def forward(self, x: Tensor) -> Tensor:
        seven = self.branch7x7x3_2(self.branch7x7x3_1(x))
        seven = self.branch7x7x3_4(self.branch7x7x3_3(seven))
        return torch.cat([self.branch3x3_2(self.branch3x3_1(x)), seven, F.max_pool2d(x, 3, 2)], 1)


class MixedE(nn.Module):
    """8 x 8 to 2048 channels: the 3 x 3 branches end in a fan of 1 x 3 and 3 x 1."""

    def __init__(self, inputs: int, pool: _Pool) -> None:
        super().__init__()
        across, down = (1, 3), (3, 1)
        self.branch1x1 = Unit(inputs, 320, 1)
        self.branch3x3_1 = Unit(inputs, 384, 1)
        self.branch3x3_2a, self.branch3x3_2b = Unit(384, 384, across), Unit(384, 384, down)
        self.branch3x3dbl_1, self.branch3x3dbl_2 = Unit(inputs, 448, 1), Unit(448, 384, 3)
        self.branch3x3dbl_3a, self.branch3x3dbl_3b = Unit(384, 384, across), Unit(384, 384, down)
        self.branch_pool = Unit(inputs, 192, 1)
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        three = self.branch3x3_1(x)
        twice = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        fan = [self.branch3x3_2a(three), self.branch3x3_2b(three)]
        fan += [self.branch3x3dbl_3a(twice), self.branch3x3dbl_3b(twice)]
        return torch.cat([self.branch1x1(x), *fan, self.branch_pool(self.pool(x))], 1)


class Inception(nn.Module):
    """Pictures (B, 3, H, W) in [-1, 1] -> (B, 2048) features. 21,785,568 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Unit(3, 32, 3, stride=2, pad=False)
        self.Conv2d_2a_3x3 = Unit(32, 32, 3, pad=False)
        self.Conv2d_2b_3x3 = Unit(32, 64, 3)
        self.Conv2d_3b_1x1 = Unit(64, 80, 1)
        self.Conv2d_4a_3x3 = Unit(80, 192, 3, pad=False)
        self.Mixed_5b, self.Mixed_5c, self.Mixed_5d = MixedA(192, 32), MixedA(256, 64), MixedA(288, 64)
        self.Mixed_6a = MixedB(288)
        self.Mixed_6b, self.Mixed_6c, self.Mixed_6d = MixedC(128), MixedC(160), MixedC(160)
        self.Mixed_6e = MixedC(192)
        self.Mixed_7a = MixedD()
        self.Mixed_7b, self.Mixed_7c = MixedE(1280, mean_pool), MixedE(2048, max_pool)

    def forward(self, images: Tensor) -> Tensor:
        x = images.float()
        if x.shape[2:] != (SIDE, SIDE):
            x = F.interpolate(x, size=(SIDE, SIDE), mode="bilinear", align_corners=False)

        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))  # (B, 64, 147, 147)
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(F.max_pool2d(x, 3, 2)))  # (B, 192, 71, 71)
        x = F.max_pool2d(x, 3, 2)

        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(x)))  # (B, 288, 35, 35)
        x = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))))  # (B, 768, 17, 17)
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))  # (B, 2048, 8, 8)

        return x.mean((2, 3))

    def features(self, images: Tensor) -> Tensor:
        """As calling it, a few pictures at a time: at 299 px a large batch needs gigabytes."""
        return torch.cat([self(part) for part in images.split(CHUNK)])
