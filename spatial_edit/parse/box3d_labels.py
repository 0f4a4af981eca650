"""Label maps: which element or surface every pixel shows, for many nearly equal rooms at once.

As `generators.box3d.rays`, but at a low resolution, one ray a pixel, for a whole batch of proposals that
share their elements and their parts; upright cylinders have the radius of their middle all along. A
proposal costs a fraction of a millisecond, so that a search can ask for thousands."""

from __future__ import annotations

import torch
from torch import Tensor

from spatial_edit.generators.box3d.parts import BoxBatch, Parts, Shape, expand
from spatial_edit.generators.box3d.rays import SHELL
from spatial_edit.layouts.perspective import NEAR, directions

FAR = 1e3
SMALLEST = 1e-6  # a direction's component below this counts as this


@torch.no_grad()
def label_maps(rooms: BoxBatch, side: int) -> Tensor:
    """(B, side * side) int64: surface 0..4, or 5 + element. The rooms must differ in numbers alone: not in
    what exists, nor in classes."""
    parts = expand(rooms)
    axis = (torch.arange(side, device=rooms.room.device) + 0.5) / side
    v, u = torch.meshgrid(axis, axis, indexing="ij")
    points = torch.stack([u, v], -1).flatten(0, 1)
    rays = torch.vmap(directions, in_dims=(None, 0))(points, rooms.camera)  # (B, n, 3)
    rays = torch.where(rays.abs() < SMALLEST, SMALLEST, rays).transpose(1, 2)  # (B, 3, n)
    inverse = 1 / rays
    depth, label = _shell(rooms, rays, inverse)
    for k in range(parts.exists.shape[1]):
        if not bool(parts.exists[0, k]):
            continue
        offset = (parts.centres[:, k] - rooms.camera[:, :3])[..., None]  # (B, 3, 1)
        t, met = _meet(parts, k, offset, rays, inverse)
        first = met & (t > NEAR) & (t < depth)
        depth = torch.where(first, t, depth)
        label = torch.where(first, SHELL + int(parts.owner[0, k]), label)
    return label


def _shell(rooms: BoxBatch, rays: Tensor, inverse: Tensor) -> tuple[Tensor, Tensor]:
    """Depth and surface (B, n) at which the rays leave the room; there is no front wall."""
    width, depth, height = rooms.room[..., None].unbind(1)  # (B, 1) each
    x, y, z = rooms.camera[:, :3, None].unbind(1)
    dx, dy, dz = rays.unbind(1)
    tx = torch.where(dx > 0, width / 2 - x, -width / 2 - x) * inverse[:, 0]
    ty = torch.where(dy > 0, height - y, -y) * inverse[:, 1]
    tz = torch.where(dz > 0, (depth - z) * inverse[:, 2], FAR)
    tx, ty, tz = (torch.where(t > 0, t, FAR) for t in (tx, ty, tz))
    nearest = torch.minimum(torch.minimum(tx, ty), tz)
    side = torch.where(dx > 0, 4, 3)
    surface = torch.where(nearest == ty, torch.where(dy > 0, 1, 0), torch.where(nearest == tz, 2, side))
    return nearest, surface


def _meet(parts: Parts, k: int, offset: Tensor, rays: Tensor, inverse: Tensor) -> tuple[Tensor, Tensor]:
    """Depth (B, n) at which the rays enter part k, and whether they do."""
    half = parts.halves[:, k, :, None]  # (B, 3, 1)
    shape = int(parts.shapes[0, k])
    middle, reach = offset * inverse, half * inverse.abs()
    if shape == Shape.BOX:
        enter, leave = (middle - reach).amax(1), (middle + reach).amin(1)
        return enter, enter < leave
    scaled, centre = rays / half, offset / half
    if shape == Shape.ELLIPSOID:
        enter, _, met = _quadric(scaled, centre)
        return enter, met
    if shape == Shape.CYLINDER:
        narrowed = half.new_tensor([1.0, 0.0, 1.0])[:, None] * 2 / (1 + parts.tapers[:, k, None, None])
        enter, leave, met = _quadric(scaled * narrowed, centre * narrowed)
        enter = torch.maximum(enter, (middle - reach)[:, 1])
        return enter, met & (enter < torch.minimum(leave, (middle + reach)[:, 1]))
    raise ValueError(f"there is no shape {shape}")


def _quadric(rays: Tensor, centre: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The roots of |t d - o|² = 1, (B, n) each, and whether there are any."""
    a, b = rays.square().sum(1).clamp(min=SMALLEST), (rays * centre).sum(1)
    root = b * b - a * (centre.square().sum(1) - 1)
    reach = root.clamp(min=0).sqrt()
    return (b - reach) / a, (b + reach) / a, root > 0
