"""Ray casting: which part of which box every sub-pixel of a picture sees, and how far away.

One room at a time. A ray is camera + t d with a direction d of camera depth 1. A part is tested only within
the rectangle of sub-pixels around its projected box: most parts cover a small share of the picture."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from spatial_edit.generators.box3d.parts import Parts, Shape
from spatial_edit.layouts.boxes3d import SURFACES
from spatial_edit.layouts.perspective import NEAR, corners, directions, project

SHELL = len(SURFACES)  # indices 0..4 are the room's surfaces, 5 + p is part p
FLAT = 1e-6  # a direction component below this counts as this

Axes = tuple[Tensor, Tensor, Tensor]
Window = tuple[slice, slice]  # rows, columns


class Hits(NamedTuple):
    """Rays and their first surface, on the n x n grid of sub-pixels."""

    ray: Axes  # (n, n) each: direction of depth 1
    depth: Tensor  # (n, n) metres along the optical axis
    labels: Tensor  # (n, n) int64: surface 0..4, or 5 + part


def cast(room: Tensor, camera: Tensor, parts: Parts, resolution: int, samples: int) -> Hits:
    """Hits of one room: room (3,), camera (6,), `parts` a batch of one."""
    n = resolution * samples
    axis = (torch.arange(n, device=room.device) + 0.5) / n
    v, u = torch.meshgrid(axis, axis, indexing="ij")
    dx, dy, dz = directions(torch.stack([u, v], -1), camera).unbind(-1)
    rays = (dx, dy, dz)
    inverse = tuple(1 / torch.where(d.abs() < FLAT, FLAT, d) for d in rays)
    depth, labels = _shell(room, camera, rays, inverse)
    there = parts.exists[0].tolist()
    for number, window in enumerate(windows(parts.centres[0], parts.halves[0], camera, n)):
        if window is None or not there[number]:
            continue
        t, met = _meet(parts, number, camera, rays, inverse, window)
        first = met & (t > NEAR) & (t < depth[window])
        depth[window] = torch.where(first, t, depth[window])
        labels[window] = torch.where(first, number + SHELL, labels[window])
    return Hits(rays, depth, labels)


def _shell(room: Tensor, camera: Tensor, rays: Axes, inverse: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    """Depth and surface by which every ray leaves the room; there is no front wall."""
    width, depth, height = room.unbind()
    x, y, z = camera[:3].unbind()
    dx, dy, dz = rays
    tx = torch.where(dx > 0, width / 2 - x, -width / 2 - x) * inverse[0]
    ty = torch.where(dy > 0, height - y, -y) * inverse[1]
    tz = torch.where(dz > 0, (depth - z) * inverse[2], 1e4)
    # a camera outside the room (behind a wall that is then not drawn) looks in through that wall
    tx, ty, tz = (torch.where(t > 0, t, 1e4) for t in (tx, ty, tz))
    t = torch.minimum(torch.minimum(tx, ty), tz)
    side = torch.where(dx > 0, 4, 3)
    surface = torch.where(t == ty, torch.where(dy > 0, 1, 0), torch.where(t == tz, 2, side))
    return t.clamp(max=1e3), surface


def windows(centres: Tensor, halves: Tensor, camera: Tensor, n: int) -> list[Window | None]:
    """The rows and columns of sub-pixels around each box (P, 3): the whole picture for one that reaches
    behind the camera, None for one out of sight."""
    points, depth = project(corners(centres, halves), camera)  # (P, 8, 2), (P, 8)
    low, high = (points.amin(1) * n).floor() - 1, (points.amax(1) * n).ceil() + 1
    near, gone = (depth < NEAR).any(1, keepdim=True), (depth < NEAR).all(1)
    low, high = torch.where(near, 0.0, low).clamp(0, n), torch.where(near, float(n), high).clamp(0, n)
    high = torch.where(gone[:, None], low, high)
    sides = torch.cat([low, high], 1).long().tolist()
    return [(slice(y0, y1), slice(x0, x1)) if x0 < x1 and y0 < y1 else None for x0, y0, x1, y1 in sides]


def _meet(
    parts: Parts, number: int, camera: Tensor, rays: Axes, inverse: tuple[Tensor, ...],
    window: Window,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Depth at which the rays of a window enter one part, and whether they do."""
    offset = parts.centres[0, number] - camera[:3]
    half = parts.halves[0, number]
    shape = int(parts.shapes[0, number])
    d = tuple(ray[window] for ray in rays)
    if shape == Shape.BOX:
        return _box(offset, half, tuple(i[window] for i in inverse))
    if shape == Shape.ELLIPSOID:
        return _ellipsoid(offset, half, d)
    return _cylinder(offset, half, float(parts.tapers[0, number]), d)


def _box(offset: Tensor, half: Tensor, inverse: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    """Slab method: per axis the ray is inside from (o - h)/d to (o + h)/d."""
    enter = leave = None
    for o, h, i in zip(offset.unbind(), half.unbind(), inverse, strict=True):
        middle, reach = o * i, h * i.abs()
        a, b = middle - reach, middle + reach
        enter = a if enter is None else torch.maximum(enter, a)
        leave = b if leave is None else torch.minimum(leave, b)
    assert enter is not None and leave is not None
    return enter, enter < leave


def _ellipsoid(offset: Tensor, half: Tensor, d: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    """The smaller root of |t d - o|² = 1 in axes scaled by the half extents."""
    q = offset / half
    e = [ray / h for ray, h in zip(d, half.unbind(), strict=True)]
    a = e[0] * e[0] + e[1] * e[1] + e[2] * e[2]
    b = e[0] * q[0] + e[1] * q[1] + e[2] * q[2]
    root = b * b - a * ((q * q).sum() - 1)
    return (b - root.clamp(min=0).sqrt()) / a, root > 0


def _cylinder(offset: Tensor, half: Tensor, taper: float, d: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    """Upright, of elliptic section: bottom half axes `half`, at the top `taper` times them; no bottom cap.

    In axes scaled so that the bottom radius is 1: |t d_xz - o_xz| = e + f t, the radius at height y = t d_y -
    o_y being (taper + 1)/2 + (taper - 1)/2 y."""
    x, y, z = (ray / h for ray, h in zip(d, half.unbind(), strict=True))
    ox, oy, oz = (offset / half).unbind()
    slope, middle = (taper - 1) / 2, (taper + 1) / 2
    e, f = middle - slope * oy, slope * y
    a = x * x + z * z - f * f
    b = x * ox + z * oz + e * f
    c = ox * ox + oz * oz - e * e
    root = b * b - a * c
    t = (b - root.clamp(min=0).sqrt()) / torch.where(a.abs() < FLAT, FLAT, a)
    on_side = (root > 0) & ((t * y - oy).abs() < 1)

    top = (oy + 1) / torch.where(y.abs() < FLAT, FLAT, y)
    on_top = ((top * x - ox) ** 2 + (top * z - oz) ** 2 < taper * taper) & (oy < -1)
    return torch.where(on_top, top, t), on_side | on_top
