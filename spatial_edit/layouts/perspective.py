"""Perspective: from the room to the picture and back, for a camera (6,) as in `Boxes3D`.

A pinhole at (x, y, z) that looks along yaw (turning right) and pitch (up). A picture point (u, v) in [0, 1],
origin top left, belongs to the direction

    d = R_yaw R_pitch ((2u - 1) tan(fov/2), (1 - 2v) tan(fov/2), 1)

of camera depth 1, so that point = position + depth * d."""

from __future__ import annotations

import torch
from torch import Tensor

NEAR = 0.05  # metres of camera depth: what is nearer is not drawn


def directions(points: Tensor, camera: Tensor) -> Tensor:
    """(…, 3) the ray of depth 1 through each picture point (…, 2)."""
    spread = torch.tan(camera[5] / 2)
    x, y = (2 * points[..., 0] - 1) * spread, (1 - 2 * points[..., 1]) * spread
    z = torch.ones_like(x)
    cos_p, sin_p, cos_y, sin_y = camera[4].cos(), camera[4].sin(), camera[3].cos(), camera[3].sin()
    y, z = y * cos_p + z * sin_p, z * cos_p - y * sin_p
    x, z = x * cos_y + z * sin_y, z * cos_y - x * sin_y
    return torch.stack([x, y, z], -1)


def project(points: Tensor, camera: Tensor) -> tuple[Tensor, Tensor]:
    """Picture points (…, 2) and camera depths (…,) of room points (…, 3).

    A point at or behind the camera (depth < NEAR) is projected as if its depth were NEAR; look at the depth.
    """
    d = points - camera[:3]
    cos_p, sin_p, cos_y, sin_y = camera[4].cos(), camera[4].sin(), camera[3].cos(), camera[3].sin()
    x = d[..., 0] * cos_y - d[..., 2] * sin_y
    z = d[..., 0] * sin_y + d[..., 2] * cos_y
    y, z = d[..., 1] * cos_p - z * sin_p, z * cos_p + d[..., 1] * sin_p
    scale = 1 / (z.clamp(min=NEAR) * torch.tan(camera[5] / 2))
    return torch.stack([0.5 + 0.5 * x * scale, 0.5 - 0.5 * y * scale], -1), z


def on_plane(point: Tensor, camera: Tensor, axis: int, value: float) -> Tensor | None:
    """(3,) where the ray of a picture point (2,) meets the plane coordinate `axis` = value; None behind the
    camera or along the plane.

    axis 1 with value 0 is the floor, axis 0 with ±width/2 a side wall, axis 2 with depth the back wall.
    """
    ray = directions(point, camera)
    along = float(ray[axis])
    if abs(along) < 1e-6:
        return None
    depth = (value - float(camera[axis])) / along
    return camera[:3] + ray * depth if depth > NEAR else None


def corners(centres: Tensor, halves: Tensor) -> Tensor:
    """(…, 8, 3) the corners of boxes (…, 3); corner number bits 0, 1, 2 are the signs of x, y, z."""
    bits = torch.tensor([[(i >> axis & 1) * 2 - 1 for axis in range(3)] for i in range(8)])
    return centres[..., None, :] + halves[..., None, :] * bits.to(centres)


def box_in_picture(centres: Tensor, halves: Tensor, camera: Tensor) -> tuple[Tensor, Tensor]:
    """(…, 4) x0, y0, x1, y1 around the boxes as fractions of the side, cut off at the picture's edges, and
    (…,) the depth of their centres. A box wholly behind the camera or outside the picture has no area."""
    points, depth = project(corners(centres, halves), camera)
    seen = depth > NEAR
    low = torch.where(seen[..., None], points, torch.inf).amin(-2)
    high = torch.where(seen[..., None], points, -torch.inf).amax(-2)
    # a box that reaches behind the camera runs off the picture on the side of its far corners
    box = torch.cat([low, high], -1).clamp(0, 1)
    return box, project(centres, camera)[1]
