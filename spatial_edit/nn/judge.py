"""The judge: the network every metric on rooms reads, and no loss ever does.

It must not share the segmenter's blind spots, since generators are trained against that one. So it differs in
architecture (residual blocks with dilation on one 1/4 grid as in Yu, Koltun and Funkhouser 2017 "Dilated
residual networks", group normalisation, SiLU, logits at full resolution from a pixel-shuffle head), in seed
and in training scenes.

Two of its stages are the feature space of the Fréchet distance, precision and recall: `features`, the mean
and the standard deviation over the picture of the 32 channels at 1/2 and the 80 channels at 1/4. The spread
is there because the mean alone hardly sees blur. None of these numbers is an FID.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pixel_shuffle, pixel_unshuffle, silu

from spatial_edit.nn.segmenter import CLASSES, check_images

STRIDE = 4


class Judge(nn.Module):
    """Pictures (B, 3, H, W) in [-1, 1] → logits (B, classes, H, W); trained at 64 px, H and W multiples of
    4.
    """

    def __init__(
        self,
        fine: int = 32,
        coarse: int = 80,
        dilations: tuple[int, ...] = (1, 2, 4),
        classes: int = CLASSES,
    ) -> None:
        super().__init__()
        self.stem = nn.Conv2d(12, fine, 3, padding=1)
        self.fine = nn.Sequential(ResidualBlock(fine), nn.GroupNorm(8, fine), nn.SiLU())
        self.down = nn.Conv2d(fine, coarse, 3, 2, 1)
        blocks = [ResidualBlock(coarse, dilation) for dilation in dilations]
        self.coarse = nn.Sequential(*blocks, nn.GroupNorm(8, coarse), nn.SiLU())
        self.up = nn.Conv2d(coarse, fine, 1)
        self.merge = nn.Conv2d(2 * fine, 64, 3, padding=1)
        self.edges = nn.Conv2d(3, 16, 3, padding=1)
        self.head = nn.Conv2d(16 + 16, classes, 3, padding=1)
        self.dimension = 2 * (fine + coarse)
        self.config: dict[str, object] = {
            "kind": "judge",
            "fine": fine,
            "coarse": coarse,
            "dilations": list(dilations),
            "classes": classes,
        }

    def maps(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The two stages: (B, 32, H/2, W/2) and (B, 80, H/4, W/4), after their normalisation and SiLU."""
        check_images(images, STRIDE, "the judge")
        fine = self.fine(self.stem(pixel_unshuffle(images, 2)))
        return fine, self.coarse(self.down(fine))

    def features(self, images: Tensor) -> Tensor:
        """(B, 224): mean and standard deviation over the picture of both stages; `dimension` says how
        many.
        """
        pooled = [statistic for m in self.maps(images) for statistic in (m.mean((2, 3)), m.std((2, 3)))]
        return torch.cat(pooled, 1)

    def logits(self, images: Tensor, maps: tuple[Tensor, Tensor]) -> Tensor:
        """(B, classes, H, W), from the pictures and their `maps`, for those who need both in one pass."""
        fine, coarse = maps

        wide = interpolate(self.up(coarse), scale_factor=2, mode="nearest")  # (B, 32, H/2, W/2)
        merged = silu(self.merge(torch.cat([fine, wide], 1)))  # (B, 64, H/2, W/2)
        full = torch.cat([pixel_shuffle(merged, 2), silu(self.edges(images))], 1)  # (B, 32, H, W)

        return self.head(full)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, classes, H, W)."""
        return self.logits(images, self.maps(images))


class ResidualBlock(nn.Module):
    """x + conv(act(norm(conv(act(norm(x)))))), both convolutions dilated alike (He et al. 2016,
    pre-activation).
    """

    def __init__(self, channels: int, dilation: int = 1) -> None:
        super().__init__()
        self.norm0 = nn.GroupNorm(8, channels)
        self.conv0 = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation)
        self.norm1 = nn.GroupNorm(8, channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation)
        nn.init.zeros_(self.conv1.weight)  # a block starts as the identity
        nn.init.zeros_(self.conv1.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """Same shape as x."""
        hidden = self.conv0(silu(self.norm0(x)))
        return x + self.conv1(silu(self.norm1(hidden)))
