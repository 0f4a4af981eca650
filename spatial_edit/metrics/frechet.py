"""Fréchet distance between two sets of features, each taken as a Gaussian (Dowson and Landau 1982; used on
Inception features by Heusel et al. 2017, eq. 6). On our judge's features it is not an FID and is never called
one.

    d = |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))

C1 C2 is not symmetric and its square root is numerically treacherous. It has the eigenvalues of the symmetric
S C2 S with S = C1^(1/2), so the trace of its root is the sum of the roots of those, clamped at 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Moments:
    """mean (D,) and covariance (D, D), float64, of `count` features."""

    mean: Tensor
    covariance: Tensor
    count: int


def moments(features: Tensor) -> Moments:
    """Mean and unbiased covariance of features (N, D). ValueError for fewer than two rows, NaN or
    infinity.
    """
    if features.ndim != 2 or len(features) < 2:
        raise ValueError(f"features must be (N, D) with N of at least 2, got {tuple(features.shape)}")
    rows = features.double()
    if not torch.isfinite(rows).all():
        raise ValueError("the features hold NaN or infinity: look at the pictures they come from")
    mean = rows.mean(0)
    centred = rows - mean
    return Moments(mean, centred.T @ centred / (len(rows) - 1), len(rows))


def frechet_distance(first: Moments, second: Moments) -> float:
    """Squared distance, at least 0, in the features' own units squared. ValueError when the dimensions
    differ.
    """
    if first.mean.shape != second.mean.shape:
        raise ValueError(
            f"the two sets have {len(first.mean)} and {len(second.mean)} features: "
            "use the same network for both"
        )
    root = _symmetric_root(first.covariance)
    product = root @ second.covariance @ root
    trace_of_root = torch.linalg.eigvalsh((product + product.T) / 2).clamp(min=0).sqrt().sum()
    apart = (first.mean - second.mean).square().sum()
    distance = apart + first.covariance.trace() + second.covariance.trace() - 2 * trace_of_root
    return max(float(distance), 0.0)


def frechet(first: Tensor, second: Tensor) -> float:
    """`frechet_distance` of two feature sets (N, D) and (M, D)."""
    return frechet_distance(moments(first), moments(second))


def _symmetric_root(matrix: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh((matrix + matrix.T) / 2)
    return (vectors * values.clamp(min=0).sqrt()) @ vectors.T
