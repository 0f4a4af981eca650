"""The published shape of a blob, and the way between it and the `Blobs` layout (Epstein et al. 2022, 3.1).

Published: four raw numbers (p, q, u, v) give a = sigmoid(p), b = sigmoid(q), e = (u, v) / |(u, v)| and

    C = l1 e e^T + l2 e' e'^T + eps I,   l1 = c sqrt(a / b),   l2 = c sqrt(b / a)

with e' across e and c = 0.02, so the area is fixed and the score s alone makes a blob large: it is half
opaque on the ellipse d^2 = s. `Blobs` has a centre, a size, an aspect and an angle instead:

    size = sqrt(s c)      aspect = sqrt(a / b) = l1 / c      e = (cos angle, -sin angle)
    x_layout = x + 0.5 / S      S: the side of the published grid, whose sample i lies at i / S

so that an ellipse's radii are sqrt(s l1) and sqrt(s l2); eps = 1e-5 only softens the drawing. A blob with
s <= 0 has no half-opaque ellipse, yet is seen faintly (opacity up to sigmoid(s)): it gets the handle of score
`HANDLE_SCORE` and a negative `fading`, which is added to the score when it is drawn. Below `HIDE_BELOW` it is
marked hidden. A hidden blob is drawn with score `HIDDEN_SCORE`.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from spatial_edit.layouts import Blobs

COVARIANCE_EPS = 1e-5
HANDLE_SCORE = 0.25  # a handle half as wide as that of an ordinary blob, s = 1
HIDE_BELOW = -6.0  # sigmoid(-6) = 0.0025: less than one step of an 8-bit picture
HIDDEN_SCORE = -8.0  # sigmoid(-8) = 0.0003


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


def to_blobs(shape: PublishedShape, side: int, *, ab_norm: float = 0.02) -> tuple[Blobs, Tensor]:
    """The layout of one picture drawn on a grid of `side`, and the blobs' fading (K,), zero where s > 0.

    The longer axis comes first (aspect >= 1, angle in [0, pi)). Nothing is clipped to the layout's ranges.
    ValueError when a covariance has another area than ab_norm: its softness has no place in a layout.
    """
    xx, xy, yy = shape.covariances[:, 0, 0], shape.covariances[:, 0, 1], shape.covariances[:, 1, 1]
    half = torch.hypot(xx - yy, 2 * xy) / 2
    l1 = (xx + yy) / 2 + half - COVARIANCE_EPS
    l2 = (xx * yy - xy * xy) / (l1 + COVARIANCE_EPS) - COVARIANCE_EPS  # less cancellation than l1 - 2 half
    # rounding of xx * yy - xy * xy, relative to the area it should give
    tolerance = 1e-3 + 1e-6 * (l1 / ab_norm).square()
    if ((l1 * l2 / ab_norm**2 - 1).abs() > tolerance).any():
        raise ValueError(
            f"a blob's covariance must have determinant {ab_norm}^2: put its size into the score"
        )
    handle = torch.where(shape.scores > 0, shape.scores, HANDLE_SCORE)
    angles = -torch.atan2(2 * xy, xx - yy) / 2  # y points down, so e = (cos, -sin)
    k = len(shape.scores)
    layout = Blobs(
        centres=shape.centres + 0.5 / side,
        sizes=(handle * ab_norm).sqrt(),
        aspects=(l1 / ab_norm).clamp(min=1.0),
        angles=angles.remainder(torch.pi),
        ids=tuple(range(k)),
        rows=tuple(range(k)),
        hidden=tuple((shape.scores < HIDE_BELOW).tolist()),
    )
    return layout, shape.scores - handle


def from_blobs(
    layout: Blobs, side: int, *, ab_norm: float = 0.02, fading: Tensor | None = None
) -> PublishedShape:
    """The published terms of a layout. fading: (R,) one number a row of `Latent.rows`; clones share it.

    Differentiable in the layout's tensors.
    """
    scores = layout.sizes.square() / ab_norm
    if fading is not None:
        scores = scores + fading[list(layout.rows)]
    hidden = torch.tensor(layout.hidden, dtype=torch.bool)
    e = torch.stack([layout.angles.cos(), -layout.angles.sin()], -1)
    return PublishedShape(
        centres=layout.centres - 0.5 / side,
        covariances=covariance(ab_norm * layout.aspects, ab_norm / layout.aspects, e),
        scores=torch.where(hidden, HIDDEN_SCORE, scores),
    )
