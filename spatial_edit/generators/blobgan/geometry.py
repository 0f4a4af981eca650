"""The published shape of a blob, and the way between it and the `Blobs` layout (Epstein et al. 2022, 3.1).

Published: four raw numbers (p, q, u, v) give a = sigmoid(p), b = sigmoid(q), e = (u, v) / |(u, v)| and

    C = l1 e e^T + l2 e' e'^T + eps I,   l1 = c sqrt(a / b),   l2 = c sqrt(b / a)

with e' across e and c = 0.02, so the area is fixed and the score s alone makes a blob large: it is half
opaque on the ellipse d^2 = s. `Blobs` has a centre, a size, an aspect and an angle instead:

    size = sqrt(c) sqrt(s)              s >= 1: the half-opaque ellipse has the radii sqrt(s l1), sqrt(s l2)
         = sqrt(c) exp((s - 1) / 2)     s < 1: the same slope at s = 1, and no end at s = 0
    aspect = r = sqrt(a / b) = l1 / c   up to 5
           = 10 - 25 / r                beyond: the same slope at 5, below 10 for every r (and so for 1 / r)
    e = (cos angle, -sin angle)
    x_layout = x + 0.5 / S              S: the side of the published grid, whose sample i lies at i / S

so every blob that can be seen has its own place in the ranges of a layout, and what is drawn from the layout
is what is drawn from the published numbers, to rounding. eps = 1e-5 only softens the drawing. A score below
`OMIT_BELOW` (a size below 0.005 for c = 0.02) is a blob that the network has put away: no element is made of
it. The most that such a blob could change is sigmoid(OMIT_BELOW) = 0.0035 of a step from black to white.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from spatial_edit.layouts import Blobs
from spatial_edit.layouts.blobs import ASPECT_RANGE, SIZE_RANGE

COVARIANCE_EPS = 1e-5
OMIT_BELOW = -5.65
STRAIGHT = 5.0  # ratios of the axes up to this one, and their inverses, are aspects as they are
MOST = ASPECT_RANGE[1]  # no ratio reaches this aspect
LARGEST_RATIO = 2000.0  # of an aspect that was rounded to MOST


class PublishedShape(NamedTuple):
    """One picture's blobs in published terms: centres (K, 2), covariances (K, 2, 2), scores (K,)."""

    centres: Tensor
    covariances: Tensor
    scores: Tensor


def directions(raw: Tensor) -> Tensor:
    """(..., 4) raw numbers -> (..., 2) unit vectors e, y down."""
    return F.normalize(raw[..., 2:4], dim=-1, eps=1e-12)


def eigenvalues(raw: Tensor, ab_norm: float | None) -> tuple[Tensor, Tensor]:
    """(..., 4) raw numbers -> l1 along e and l2 across it, both (...,). Without ab_norm they are a and b."""
    a, b = raw[..., 0].sigmoid(), raw[..., 1].sigmoid()
    if ab_norm is None:
        return a, b
    return ab_norm * (a / b).sqrt(), ab_norm * (b / a).sqrt()


def covariance(l1: Tensor, l2: Tensor, e: Tensor, eps: float = COVARIANCE_EPS) -> Tensor:
    """l1, l2 (...,) and unit vectors e (..., 2) -> (..., 2, 2) l1 e e^T + l2 e' e'^T + eps I."""
    x, y = e[..., 0], e[..., 1]
    xx = l1 * x * x + l2 * y * y + eps
    yy = l1 * y * y + l2 * x * x + eps
    xy = (l1 - l2) * x * y
    return torch.stack([xx, xy, xy, yy], -1).unflatten(-1, (2, 2))


def raw_to_covariance(raw: Tensor, ab_norm: float | None, eps: float = COVARIANCE_EPS) -> Tensor:
    """(..., 4) raw numbers -> (..., 2, 2)."""
    l1, l2 = eigenvalues(raw, ab_norm)
    return covariance(l1, l2, directions(raw), eps)


def size_of_score(scores: Tensor, ab_norm: float) -> Tensor:
    """(...,) scores -> sizes of a layout, not clipped."""
    return ab_norm**0.5 * torch.where(scores >= 1, scores.clamp(min=1).sqrt(), ((scores - 1) / 2).exp())


def score_of_size(sizes: Tensor, ab_norm: float) -> Tensor:
    """The way back; differentiable."""
    g = sizes / ab_norm**0.5
    return torch.where(g >= 1, g.square(), 1 + 2 * g.clamp(max=1).log())


def aspect_of_ratio(ratios: Tensor) -> Tensor:
    """(...,) l1 / c -> aspects of a layout, within its range."""
    large = torch.maximum(ratios, 1 / ratios)
    aspects = torch.where(large > STRAIGHT, MOST - STRAIGHT**2 / large, large)
    return torch.where(ratios >= 1, aspects, 1 / aspects)


def ratio_of_aspect(aspects: Tensor) -> Tensor:
    """The way back; differentiable."""
    large = torch.maximum(aspects, 1 / aspects)
    rest = (MOST - large).clamp(min=STRAIGHT**2 / LARGEST_RATIO)
    ratios = torch.where(large > STRAIGHT, STRAIGHT**2 / rest, large)
    return torch.where(aspects >= 1, ratios, 1 / ratios)


def to_blobs(centres: Tensor, scores: Tensor, raw: Tensor, side: int, *, ab_norm: float = 0.02) -> Blobs:
    """The layout of one picture drawn on a grid of `side`: every blob that can be seen, numbered and rowed by
    its published index. centres (K, 2), scores (K,), raw (K, 4).

    A score above 1 / ab_norm (a blob larger than the picture) is rounded to it."""
    l1, _ = eigenvalues(raw, ab_norm)
    e = directions(raw)
    seen = (scores >= OMIT_BELOW).nonzero().flatten()
    numbers = tuple(seen.tolist())
    return Blobs(
        centres=centres[seen] + 0.5 / side,
        sizes=size_of_score(scores[seen], ab_norm).clamp(*SIZE_RANGE),
        aspects=aspect_of_ratio(l1[seen] / ab_norm).clamp(*ASPECT_RANGE),
        angles=torch.atan2(-e[seen, 1], e[seen, 0]).remainder(torch.pi),  # y points down
        ids=numbers,
        rows=numbers,
    )


def from_blobs(
    layout: Blobs, side: int, *, ab_norm: float = 0.02, eps: float = COVARIANCE_EPS
) -> PublishedShape:
    """The published terms of all elements of a layout. Differentiable in the layout's tensors."""
    e = torch.stack([layout.angles.cos(), -layout.angles.sin()], -1)
    ratios = ratio_of_aspect(layout.aspects)
    return PublishedShape(
        centres=layout.centres - 0.5 / side,
        covariances=covariance(ab_norm * ratios, ab_norm / ratios, e, eps),
        scores=score_of_size(layout.sizes, ab_norm),
    )
