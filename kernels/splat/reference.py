"""The specification of the splat in plain torch: closed-form 2 x 2 inverse, twice differentiable."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def opacity(
    centres: Tensor, covariances: Tensor, scores: Tensor, side: int, *, offset: float = 0.0
) -> Tensor:
    """(B, K, side, side) opacities in (0, 1); rows are y.

    centres (B, K, 2), covariances (B, K, 2, 2) positive definite, scores (B, K). Sample i lies at
    (i + offset) / side: 0 is the published grid, 0.5 the pixel centres.
    """
    axis = (torch.arange(side, device=centres.device, dtype=centres.dtype) + offset) / side
    dx = axis - centres[..., 0, None]  # (B, K, side)
    dy = axis - centres[..., 1, None]
    a, b, d = covariances[..., 0, 0], covariances[..., 0, 1], covariances[..., 1, 1]
    # C^-1 = [[d, -b], [-b, a]] / (ad - b^2), as a square completed in x: less cancellation for thin ellipses
    slope = (b / a)[..., None, None]
    rest = (d - b * b / a)[..., None, None]
    across = dy[..., :, None] - slope * dx[..., None, :]  # (B, K, side, side)
    distance = (dx.square() / a[..., None])[..., None, :] + across.square() / rest
    return torch.sigmoid(scores[..., None, None] - distance)


def composite(opacities: Tensor) -> Tensor:
    """(B, K, H, W) opacities, farthest first -> (B, K + 1, H, W) alphas, background first, summing to 1."""
    alphas = []
    # what is still unobstructed, from the nearest blob backwards
    clear = opacities.new_ones(opacities.shape[0], *opacities.shape[2:])  # (B, H, W)
    for layer in reversed(opacities.unbind(1)):
        alphas.append(layer * clear)
        clear = clear * (1 - layer)
    return torch.stack([clear, *reversed(alphas)], 1)


def splat(alphas: Tensor, features: Tensor) -> Tensor:
    """alphas (B, K, H, W), features (B, K, D) -> (B, D, H, W): every sample's mix of the features."""
    mixed = alphas.flatten(2).transpose(1, 2) @ features  # (B, HW, D): channels-last in memory
    return mixed.transpose(1, 2).unflatten(2, alphas.shape[2:])


def pyramid(alphas: Tensor, smallest: int) -> dict[int, Tensor]:
    """Averages 2 x 2 samples again and again: {side: (B, K, side, side)} from the given side to `smallest`.

    Not the same as evaluating the opacities on a coarser grid. ValueError unless side = smallest * 2^n.
    """
    side = alphas.shape[-1]
    ratio = side // smallest
    if alphas.shape[-2] != side or ratio * smallest != side or ratio & (ratio - 1) or not ratio:
        raise ValueError(f"alphas of {tuple(alphas.shape[-2:])}: need a square of side {smallest} * 2^n")
    levels = {side: alphas}
    while side > smallest:
        side //= 2
        levels[side] = F.avg_pool2d(levels[side * 2], 2)
    return levels
