"""Blobs with a radial profile over a background of five surfaces: opacity, alpha compositing, position
features.

Published blobs are ellipses, o = sigmoid(s - d^2) (Epstein et al. 2022, eq. 2). Furniture is not: here a blob
also carries r(phi), its radius in 16 directions of its own frame as a multiple of the ellipse's, and its edge
has a fixed width in the picture, so that a large blob is as sharp as a small one:

    p = (u / rx, v / ry),   o = sigmoid((r(angle p) - |p|) * size / softness)

Compositing is the published one, alpha_k = o_k prod_{j nearer} (1 - o_j), with whatever is left for the
background. The background of a room in perspective is a partition into convex polygons, softmax_j(sharpness *
(a_j x + b_j y + c_j))."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

PROFILE = 16
SOFTNESS = 0.010  # width of an edge, fraction of the side: two thirds of a pixel at 64 px
SURFACE_SHARPNESS = 120.0  # inverse metres; an edge between two surfaces is then about a pixel wide at 64 px
POSITION_FEATURES = 24


class BlobGeometry(NamedTuple):
    """A batch of B pictures with K blobs each, farthest first; `present` 0 marks the padding of shorter
    layouts."""

    present: Tensor  # (B, K) 0..1
    centres: Tensor  # (B, K, 2)
    sizes: Tensor  # (B, K)
    aspects: Tensor  # (B, K)
    angles: Tensor  # (B, K)
    profiles: Tensor  # (B, K, 16)
    planes: Tensor  # (B, 5, 3)


class Splat(NamedTuple):
    """weights (B, K + 5, P): how much each blob and surface owns of every pixel (they sum to 1); features (B,
    P, 24)."""

    weights: Tensor
    features: Tensor


def pixel_grid(resolution: int, device: torch.device | None = None) -> tuple[Tensor, Tensor]:
    """x and y of the pixel centres, flat (resolution * resolution,)."""
    axis = (torch.arange(resolution, device=device, dtype=torch.float32) + 0.5) / resolution
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return x.reshape(-1), y.reshape(-1)


def local_coordinates(g: BlobGeometry, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """(B, K, P) coordinates in each blob's own frame, 1 on the ellipse."""
    dx = x - g.centres[..., 0:1]
    dy = y - g.centres[..., 1:2]
    root = g.aspects.sqrt()
    cos, sin = g.angles.cos(), g.angles.sin()
    rx, ry = (g.sizes * root), (g.sizes / root)
    u = dx * (cos / rx)[..., None] - dy * (sin / rx)[..., None]
    v = dx * (sin / ry)[..., None] + dy * (cos / ry)[..., None]
    return u, v


def signed_distance(g: BlobGeometry, u: Tensor, v: Tensor) -> Tensor:
    """(B, K, P) about the distance to the blob's edge, fraction of the side, positive inside."""
    bins = torch.atan2(v, u) * (PROFILE / (2 * math.pi))
    low = bins.floor()
    part = bins - low
    index = low.long() & (PROFILE - 1)  # PROFILE is a power of two: a cheap modulo
    radius = torch.gather(g.profiles, 2, index)
    radius = radius + part * (torch.gather(g.profiles, 2, (index + 1) & (PROFILE - 1)) - radius)
    return (radius - (u.square() + v.square() + 1e-8).sqrt()) * g.sizes[..., None]


def composite(opacity: Tensor) -> Tensor:
    """alpha (B, K, P) from opacities (B, K, P), farthest first."""
    clear = torch.cumprod((1 - opacity).flip(1), 1).flip(1)
    through = torch.cat([clear[:, 1:], torch.ones_like(opacity[:, :1])], 1)[:, : opacity.shape[1]]
    return opacity * through


def splat(g: BlobGeometry, resolution: int, softness: float = SOFTNESS) -> Splat:
    """Weights and position features of every pixel."""
    x, y = pixel_grid(resolution, g.centres.device)
    u, v = local_coordinates(g, x, y)
    distance = signed_distance(g, u, v)
    opacity = torch.sigmoid(distance / softness) * g.present[..., None]
    alpha = composite(opacity)
    behind = (1 - alpha.sum(1, keepdim=True)).clamp(min=0)

    inverse = g.planes[..., 0:1] * x + g.planes[..., 1:2] * y + g.planes[..., 2:3]  # (B, 5, P)
    surfaces = torch.softmax(inverse * SURFACE_SHARPNESS, 1)
    weights = torch.cat([alpha, behind * surfaces], 1)
    return Splat(weights, _position_features(alpha, behind, u, v, distance, inverse, x, y))


def _position_features(
    alpha: Tensor,
    behind: Tensor,
    u: Tensor,
    v: Tensor,
    distance: Tensor,
    inverse: Tensor,
    x: Tensor,
    y: Tensor,
) -> Tensor:
    """(B, P, 24): where a pixel is within its blob, within the room and within the picture."""
    local_u = (alpha * u.clamp(-1.5, 1.5)).sum(1)
    local_v = (alpha * v.clamp(-1.5, 1.5)).sum(1)
    inside = (alpha * (distance * 8).clamp(-1, 1)).sum(1)
    covered = 1 - behind[:, 0]
    nearest = inverse.amax(1).clamp(min=0.05)
    ratios = (inverse / nearest[:, None]).clamp(
        -1.5, 1
    )  # room coordinates of the surface seen: 1 on the wall itself
    across, away = ratios[:, 4] - ratios[:, 3], ratios[:, 2]
    waves = [
        f(math.pi * k * c) for k in (1, 2) for c in (across * 2, away * 3) for f in (torch.sin, torch.cos)
    ]
    picture = [x.expand_as(local_u) * 2 - 1, y.expand_as(local_u) * 2 - 1]
    own = [local_u, local_v, inside, covered]
    own += [f(math.pi * c) * covered for c in (local_u, local_v) for f in (torch.sin, torch.cos)]
    return torch.stack([*own, *ratios.unbind(1), nearest, *picture, *waves], -1)
