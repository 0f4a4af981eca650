"""How close a reconstruction is to a photo: PSNR, SSIM, and LPIPS where its weights are present.

PSNR and the mean over a set follow the issue of record: on 8-bit pictures at the model's resolution, per
picture, then the plain mean. SSIM is Wang et al. 2004, eq. 13, with their 11 x 11 Gaussian window (sigma
1.5), K1 = 0.01, K2 = 0.03, on each colour channel, mean over the positions where the window fits. LPIPS is
Zhang et al. 2018, version 0.1 with the SqueezeNet 1.1 trunk (`nn.lpips`); for other trunks see `backbones`.
"""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from spatial_edit.nn import lpips
from spatial_edit.nn.trunks import squeezenet

WINDOW, SIGMA = 11, 1.5
K1, K2 = 0.01, 0.03
TRUNK = "squeezenet1_1_features.safetensors"
HEADS = "lpips_squeeze_lin_v0.1.safetensors"
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
        state = {f"trunk.{name}": tensor for name, tensor in load_file(folder / TRUNK).items()}
        for name, tensor in load_file(folder / HEADS).items():
            state[f"heads.{name.removeprefix('lin').split('.')[0]}.weight"] = tensor
        self.network = lpips.Lpips(squeezenet()).eval().requires_grad_(False)
        self.network.load_state_dict(state)

    @torch.no_grad()
    def __call__(self, first: Tensor, second: Tensor) -> Tensor:
        """(B,) distances, 0 for equal pictures (B, 3, H, W) in [-1, 1]."""
        return self.network(first, second)


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
