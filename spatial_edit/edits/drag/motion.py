"""Motion supervision and point tracking (Pan et al. 2023, section 3.2, equations 1 and 2), as published.

F is the feature map resized to the picture's side h (bilinear, pixel centres), p a handle, t its target, both
in pixels of the picture, f its feature at the start:

    p    <- argmin over |dy|, |dx| <= R2 of |F(p + (dy, dx)) - f|_2          tracking, whole pixels
    d     = (t - p) / |t - p|,      q: pixels with |q' - p| < R1,  q' = q or q h / (h - 1)
    loss  = sum over the points with |t - p| > 1 of mean |F(q + d) - stop(F(q))|

Only the pixels that are asked for are resized: a patch around each handle. Positions are (y, x) here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from spatial_edit.generators.dragging import Window

Pixel = tuple[int, int]  # y, x
MARGIN = 3  # pixels beyond the disc that the motion loss looks at: one step, bilinear, the stretch


class Patch(NamedTuple):
    """Features at pixels of the picture: values (C, h, w), the first of them at (top, left)."""

    top: int
    left: int
    values: Tensor


def span(p: Pixel, radius: int, side: int) -> Window:
    """The pixels of the picture up to `radius` from p along each axis."""
    y, x = p
    return Window(
        max(y - radius, 0), max(x - radius, 0), min(y + radius + 1, side), min(x + radius + 1, side)
    )


def source(area: Window, side: int, feature_side: int) -> Window:
    """The window of the feature map that pixels of the picture are resized from."""
    (top, bottom), (left, right) = (
        _line(first, last, side, feature_side)[:2]
        for first, last in ((area.top, area.bottom), (area.left, area.right))
    )
    return Window(top, left, bottom, right)


def resized(features: Tensor, area: Window, side: int, feature_side: int) -> Patch:
    """The patch of an area of the picture, of the features (1, C, h, w) in its `source`."""
    rows = _line(area.top, area.bottom, side, feature_side)[2].to(features)
    columns = _line(area.left, area.right, side, feature_side)[2].to(features)
    return Patch(area.top, area.left, rows @ features[0] @ columns.t())


@lru_cache(maxsize=256)
def _line(first: int, last: int, side: int, feature_side: int) -> tuple[int, int, Tensor]:
    """Of pixels [first, last) of a line of the picture: the range of feature pixels that they need, and the
    matrix (last - first, range) of the weights."""
    pixels = torch.arange(first, last, dtype=torch.float64) + 0.5
    places = (pixels * (feature_side / side) - 0.5).clamp(min=0)
    low = places.floor().long()
    high = (low + 1).clamp(max=feature_side - 1)
    start, end = int(low[0]), int(high[-1]) + 1
    part = (places - low).float()
    weights = torch.zeros(last - first, end - start)
    index = torch.arange(last - first)
    weights[index, low - start] += 1 - part
    weights[index, high - start] += part
    return start, end, weights


def feature_at(patch: Patch, p: Pixel) -> Tensor:
    """(C,) at a pixel."""
    return patch.values[:, p[0] - patch.top, p[1] - patch.left]


@torch.no_grad()
def tracked(patch: Patch, p: Pixel, wanted: Tensor, radius: int, side: int) -> tuple[Pixel, float]:
    """The pixel up to `radius` from p whose feature is nearest to `wanted` (C,), and how near; of equals the
    first in reading order. The patch holds all of them."""
    area = span(p, radius, side)
    top, left = area.top - patch.top, area.left - patch.left
    values = patch.values[:, top : top + area.bottom - area.top, left : left + area.right - area.left]
    away = (values - wanted[:, None, None]).norm(dim=0)  # (h, w)
    least = away.min()
    if not torch.isfinite(least):
        return p, float("nan")
    at = int((away == least).flatten().nonzero()[0, 0])
    y, x = divmod(at, away.shape[1])
    return (area.top + y, area.left + x), float(least)


def motion_loss(
    patch: Patch, p: Pixel, target: tuple[float, float], radius: int, side: int, *, stretched: bool
) -> Tensor | None:
    """One point's term, a number; None when it is at its target."""
    dy, dx = target[0] - p[0], target[1] - p[1]
    length = math.hypot(dy, dx)
    if length <= 1:
        return None
    dy, dx = dy / (length + 1e-7), dx / (length + 1e-7)
    y, x = _disc(p, radius, side, stretched)
    if not len(y):
        return None
    below, right = math.floor(dy), math.floor(dx)
    fy, fx = dy - below, dx - right
    ahead = sum(
        share * _at(patch, y + below + i, x + right + j, side)
        for i, j, share in (
            (0, 0, (1 - fy) * (1 - fx)), (0, 1, (1 - fy) * fx), (1, 0, fy * (1 - fx)), (1, 1, fy * fx)
        )
        if share > 0
    )  # fmt: skip
    assert isinstance(ahead, Tensor)
    return (ahead - _at(patch, y, x, side).detach()).abs().mean()


def _disc(p: Pixel, radius: int, side: int, stretched: bool) -> tuple[Tensor, Tensor]:
    """(n,), (n,) the pixels of the picture within a disc around p."""
    factor = side / (side - 1) if stretched else 1.0
    area = span(p, radius + 1, side)
    y, x = torch.meshgrid(
        torch.arange(area.top, area.bottom), torch.arange(area.left, area.right), indexing="ij"
    )
    away = ((y * factor - p[0]).square() + (x * factor - p[1]).square()).sqrt()
    inside = away < radius
    return y[inside], x[inside]


def _at(patch: Patch, y: Tensor, x: Tensor, side: int) -> Tensor:
    """(C, n) at pixels; 0 outside the picture."""
    there = (y >= 0) & (y < side) & (x >= 0) & (x < side)
    values = patch.values[:, (y.clamp(0, side - 1) - patch.top), (x.clamp(0, side - 1) - patch.left)]
    return values if bool(there.all()) else values * there.to(values)


def mean_distance(features: Tensor, wanted: Tensor) -> float:
    """How far the features (1, C, f, f) of a picture lie from one of them (C,), on average."""
    return float((features[0] - wanted[:, None, None]).norm(dim=0).mean())


def distances(points: Sequence[Pixel], targets: Sequence[tuple[float, float]]) -> list[float]:
    """Pixels between each handle and its target."""
    return [math.hypot(t[0] - p[0], t[1] - p[1]) for p, t in zip(points, targets, strict=True)]
