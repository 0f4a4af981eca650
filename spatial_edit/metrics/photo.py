"""How close a reconstruction is to a photo: PSNR, SSIM, and LPIPS where its weights are present.

PSNR and the mean over a set follow the issue of record: on 8-bit pictures at the model's resolution, per
picture, then the plain mean. SSIM is Wang et al. 2004, eq. 13, with their 11 x 11 Gaussian window (sigma
1.5), K1 = 0.01, K2 = 0.03, on each colour channel, mean over the positions where the window fits. LPIPS is
Zhang et al. 2018, version 0.1 with the SqueezeNet 1.1 trunk.
"""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import conv2d, max_pool2d, relu

WINDOW, SIGMA = 11, 1.5
K1, K2 = 0.01, 0.03
TRUNK = "squeezenet1_1_features.safetensors"
HEADS = "lpips_squeeze_lin_v0.1.safetensors"
SHIFT = (-0.030, -0.088, -0.188)  # LPIPS' input scaling: ImageNet's mean and deviation on [-1, 1]
SCALE = (0.458, 0.448, 0.450)
STAGES: tuple[tuple[int, ...], ...] = ((3, 4), (6, 7), (9,), (10,), (11,), (12,))  # fire modules by tap
POOLED = 3  # the first three stages begin with a max-pool
MISSING = (
    "LPIPS needs the SqueezeNet weights: set SPATIAL_EDIT_LPIPS to a folder that holds "
    f"{TRUNK} (torchvision's squeezenet1_1) and {HEADS} "
    "(lpips v0.1, github.com/richzhang/PerceptualSimilarity)"
)


def psnr(first: Tensor, second: Tensor) -> Tensor:
    """(B,) decibels between pictures (B, 3, H, W) in [-1, 1], both rounded to bytes; infinity where they are
    equal.
    """
    _check(first, second)
    error = (_bytes(first) - _bytes(second)).square().mean((1, 2, 3))
    return 10 * torch.log10(255.0**2 / error)


def ssim(first: Tensor, second: Tensor) -> Tensor:
    """(B,) structural similarity in [-1, 1] of pictures (B, 3, H, W) in [-1, 1], both rounded to bytes; H, W
    >= 11.
    """
    _check(first, second)
    if min(first.shape[2:]) < WINDOW:
        raise ValueError(f"SSIM needs sides of at least {WINDOW} pixels, got {tuple(first.shape)}")
    a, b = _bytes(first), _bytes(second)
    c1, c2 = (K1 * 255) ** 2, (K2 * 255) ** 2
    mean_a, mean_b = _blur(a), _blur(b)
    variance_a = _blur(a * a) - mean_a.square()
    variance_b = _blur(b * b) - mean_b.square()
    covariance = _blur(a * b) - mean_a * mean_b
    likeness = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    scale = (mean_a.square() + mean_b.square() + c1) * (variance_a + variance_b + c2)
    return (likeness / scale).mean((1, 2, 3))


def lpips_folder() -> Path | None:
    """Where the LPIPS weights lie: $SPATIAL_EDIT_LPIPS, or ../shared/data/lpips_squeeze beside the project,
    or None.
    """
    named = os.environ.get("SPATIAL_EDIT_LPIPS")
    beside = Path(__file__).parents[3] / "shared" / "data" / "lpips_squeeze"
    for folder in [Path(named)] if named else [beside]:
        if (folder / TRUNK).is_file() and (folder / HEADS).is_file():
            return folder
    return None


class Lpips:
    """LPIPS v0.1 on a SqueezeNet trunk. ValueError, saying how to get the weights, when there is no
    folder.
    """

    def __init__(self, folder: Path | None = None) -> None:
        from safetensors.torch import load_file

        folder = folder or lpips_folder()
        if folder is None:
            raise ValueError(MISSING)
        self.trunk = load_file(folder / TRUNK)
        self.heads = load_file(folder / HEADS)

    @torch.no_grad()
    def __call__(self, first: Tensor, second: Tensor) -> Tensor:
        """(B,) distances, 0 for equal pictures (B, 3, H, W) in [-1, 1]."""
        _check(first, second)
        total = torch.zeros(len(first))
        for i, (a, b) in enumerate(zip(self.features(first), self.features(second), strict=True)):
            difference = (_unit(a) - _unit(b)).square()
            total = total + conv2d(difference, self.heads[f"lin{i}.model.1.weight"]).mean((1, 2, 3))
        return total

    def features(self, images: Tensor) -> list[Tensor]:
        """The seven taps of the trunk for pictures (B, 3, H, W) in [-1, 1]."""
        x = (images.float() - _channels(SHIFT)) / _channels(SCALE)
        x = relu(conv2d(x, self.trunk["features.0.weight"], self.trunk["features.0.bias"], stride=2))
        taps = [x]
        for number, stage in enumerate(STAGES):
            if number < POOLED:
                x = max_pool2d(x, 3, 2, ceil_mode=True)
            for index in stage:
                x = self._fire(x, f"features.{index}")
            taps.append(x)
        return taps

    def _fire(self, x: Tensor, name: str) -> Tensor:
        """SqueezeNet's fire module: squeeze 1x1, then expand 1x1 and 3x3 side by side."""
        weights = [
            (self.trunk[f"{name}.{part}.weight"], self.trunk[f"{name}.{part}.bias"])
            for part in ("squeeze", "expand1x1", "expand3x3")
        ]
        squeezed = relu(conv2d(x, *weights[0]))
        return relu(torch.cat([conv2d(squeezed, *weights[1]), conv2d(squeezed, *weights[2], padding=1)], 1))


def _unit(features: Tensor) -> Tensor:
    return features / (features.square().sum(1, keepdim=True).sqrt() + 1e-10)


def _channels(values: tuple[float, float, float]) -> Tensor:
    return torch.tensor(values)[None, :, None, None]


def _bytes(images: Tensor) -> Tensor:
    """Levels 0 .. 255 in float64."""
    return ((images.double() + 1) * 127.5).round().clamp(0, 255)


def _blur(x: Tensor) -> Tensor:
    """Every channel under the Gaussian window, where it fits: (B, C, H - 10, W - 10)."""
    axis = torch.arange(WINDOW, dtype=x.dtype) - WINDOW // 2
    line = torch.exp(-axis.square() / (2 * SIGMA**2))
    line = (line / line.sum()).expand(x.shape[1], 1, 1, WINDOW)
    x = conv2d(x, line, groups=x.shape[1])
    return conv2d(x, line.transpose(2, 3), groups=x.shape[1])


def _check(first: Tensor, second: Tensor) -> None:
    if first.shape != second.shape or first.ndim != 4:
        raise ValueError(
            f"both sets must be (B, 3, H, W) of one shape, got {tuple(first.shape)} and {tuple(second.shape)}"
        )
