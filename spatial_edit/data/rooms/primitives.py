"""Rays, and where they meet the room shell, boxes, ellipsoids and tapered cylinders.

A ray is origin + t · direction with a direction of camera depth 1, so t is the depth along the optical axis
in metres. Rays come sub-sample first: R = samples² · resolution² columns, all first sub-samples of the
picture, then all second ones.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from spatial_edit.data.rooms.rooms import Rooms
from spatial_edit.data.rooms.vocabulary import CENTRE, FIELD, HALF, INSTANCE, SHELL, Kind

NEAREST = 0.05  # metres: what is nearer to the camera is not drawn
FLAT_RAY = 1e-6  # a direction component below this counts as this


class Rays(NamedTuple):
    """Origin (B, 1) each; direction and its inverse (B, R) each; a sub-pixel's width at depth 1, (B, 1)."""

    ox: Tensor
    oy: Tensor
    oz: Tensor
    dx: Tensor
    dy: Tensor
    dz: Tensor
    ix: Tensor
    iy: Tensor
    iz: Tensor
    spread: Tensor

    @property
    def origin(self) -> Tensor:
        """(B, 3)"""
        return torch.cat([self.ox, self.oy, self.oz], 1)


class Hits(NamedTuple):
    """First surface of every ray.

    depth (B, R) metres; row (B, R) int64 row of the scene table. Only when asked for: covered (B, 31, R)
    bool, whether the ray meets any primitive of an instance in front of the shell, seen or not; nearest (B,
    31) metres, inf where never met.
    """

    depth: Tensor
    row: Tensor
    covered: Tensor | None
    nearest: Tensor | None


def cast_rays(rooms: Rooms, resolution: int, samples: int) -> Rays:
    """One ray for each of samples × samples sub-pixels of every pixel."""
    device, n = rooms.table.device, resolution * samples
    axis = (torch.arange(n, device=device, dtype=torch.float32) + 0.5) / n * 2 - 1
    up, across = torch.meshgrid(-axis, axis, indexing="ij")

    def by_sample(plane: Tensor) -> Tensor:
        return plane.view(resolution, samples, resolution, samples).permute(1, 3, 0, 2).reshape(1, -1)

    px, py = by_sample(across), by_sample(up)
    half_view = torch.tan(rooms.fov / 2)[:, None]
    dx, dy, dz = px * half_view, py * half_view, torch.ones_like(px)
    cos_p, sin_p = torch.cos(rooms.pitch)[:, None], torch.sin(rooms.pitch)[:, None]
    cos_y, sin_y = torch.cos(rooms.yaw)[:, None], torch.sin(rooms.yaw)[:, None]
    dy, dz = dy * cos_p + dz * sin_p, dz * cos_p - dy * sin_p
    dx, dz = dx * cos_y + dz * sin_y, dz * cos_y - dx * sin_y
    ix, iy, iz = (1 / torch.where(d.abs() < FLAT_RAY, FLAT_RAY, d) for d in (dx, dy, dz))
    ox, oy, oz = (rooms.camera[:, axis_ : axis_ + 1] for axis_ in range(3))
    return Rays(ox, oy, oz, dx, dy, dz, ix, iy, iz, 2 * half_view / n)


def meet_shell(rays: Rays, rooms: Rooms) -> tuple[Tensor, Tensor]:
    """Depth and table row 0..4 of the surface by which every ray leaves the room; there is no front wall."""
    width, depth, height = rooms.width[:, None], rooms.depth[:, None], rooms.height[:, None]
    tx = torch.where(rays.dx > 0, width / 2 - rays.ox, -width / 2 - rays.ox) * rays.ix
    ty = torch.where(rays.dy > 0, height - rays.oy, -rays.oy) * rays.iy
    tz = torch.where(rays.dz > 0, (depth - rays.oz) * rays.iz, 1e4)
    t = torch.minimum(torch.minimum(tx, ty), tz)
    side = torch.where(rays.dx > 0, 4, 3)
    row = torch.where(t == ty, torch.where(rays.dy > 0, 1, 0), torch.where(t == tz, 2, side))
    return t, row


def meet_box(rays: Rays, centre: Tensor, half: Tensor) -> tuple[Tensor, Tensor]:
    """Depth (B, R) of entry into an axis-aligned box, and whether the ray enters it (slab method)."""
    low, high = centre - half - rays.origin, centre + half - rays.origin
    a, b = low[:, 0:1] * rays.ix, high[:, 0:1] * rays.ix
    enter, leave = torch.minimum(a, b), torch.maximum(a, b)
    for axis, inverse in ((1, rays.iy), (2, rays.iz)):
        a, b = low[:, axis : axis + 1] * inverse, high[:, axis : axis + 1] * inverse
        enter, leave = torch.maximum(enter, torch.minimum(a, b)), torch.minimum(leave, torch.maximum(a, b))
    return enter, enter < leave


def meet_ellipsoid(rays: Rays, centre: Tensor, half: Tensor) -> tuple[Tensor, Tensor]:
    """Depth (B, R) of entry into an ellipsoid with half axes `half`: the smaller root of A t² + 2 B t + C =
    0."""
    inverse = 1 / half
    q = (rays.origin - centre) * inverse
    ex, ey, ez = rays.dx * inverse[:, 0:1], rays.dy * inverse[:, 1:2], rays.dz * inverse[:, 2:3]
    a = ex * ex + ey * ey + ez * ez
    b = ex * q[:, 0:1] + ey * q[:, 1:2] + ez * q[:, 2:3]
    c = (q * q).sum(-1, keepdim=True) - 1
    root = b * b - a * c
    return (-b - root.clamp(min=0).sqrt()) / a, root > 0


def meet_cylinder(rays: Rays, centre: Tensor, half: Tensor, taper: Tensor) -> tuple[Tensor, Tensor]:
    """Depth (B, R) of entry into an upright cylinder of bottom radius half_x and top radius taper · half_x,
    or its top.

    Side: |q_xz + t d_xz|² = (e + f t)², the radius being linear in the height; the bottom cap is never seen
    and left out.
    """
    bottom, half_y = half[:, 0:1], half[:, 1:2]
    slope, middle = bottom * (taper - 1) / (2 * half_y), bottom * (taper + 1) / 2
    qx, qy, qz = rays.ox - centre[:, 0:1], rays.oy - centre[:, 1:2], rays.oz - centre[:, 2:3]
    e, f = middle + slope * qy, slope * rays.dy
    a = rays.dx * rays.dx + rays.dz * rays.dz - f * f
    b = rays.dx * qx + rays.dz * qz - e * f
    c = qx * qx + qz * qz - e * e
    root = b * b - a * c
    t = (-b - root.clamp(min=0).sqrt()) / torch.where(a.abs() < FLAT_RAY, FLAT_RAY, a)
    on_side = (root > 0) & ((qy + rays.dy * t).abs() < half_y)

    t_top = (half_y - qy) * rays.iy
    x, z = qx + rays.dx * t_top, qz + rays.dz * t_top
    on_top = (x * x + z * z < (bottom * taper) ** 2) & (qy > half_y)
    return torch.where(on_top, t_top, t), on_side | on_top


def intersect(rays: Rays, rooms: Rooms, slots: list[int], amodal: bool = False) -> Hits:
    """The first surface on every ray among the shell and the primitives in `slots`, and with `amodal` all
    that lie on it."""
    shell, row = meet_shell(rays, rooms)
    depth, covered, nearest = shell, None, None
    if amodal:
        covered, nearest = _shell_cover(shell, row)
    centre, half = rooms.table[:, SHELL:, CENTRE], rooms.table[:, SHELL:, HALF]
    taper = rooms.table[:, SHELL:, FIELD["taper"]]
    for slot in slots:
        if rooms.kinds[slot] == Kind.BOX:
            t, met = meet_box(rays, centre[:, slot], half[:, slot])
        elif rooms.kinds[slot] == Kind.ELLIPSOID:
            t, met = meet_ellipsoid(rays, centre[:, slot], half[:, slot])
        else:
            t, met = meet_cylinder(rays, centre[:, slot], half[:, slot], taper[:, slot : slot + 1])
        met = met & (t > NEAREST)
        if covered is not None and nearest is not None:
            number, inside = rooms.instances[slot], met & (t < shell)
            covered[:, number] |= inside
            nearest[:, number] = torch.minimum(nearest[:, number], torch.where(inside, t, torch.inf).amin(1))
        first = met & (t < depth)
        depth, row = torch.where(first, t, depth), torch.where(first, slot + SHELL, row)
    return Hits(depth, row, covered, nearest)


def _shell_cover(depth: Tensor, row: Tensor) -> tuple[Tensor, Tensor]:
    """Cover (B, 31, R) and nearest depth (B, 31) with the five surfaces of the shell filled in."""
    covered = torch.zeros(len(row), len(INSTANCE), row.shape[1], dtype=torch.bool, device=row.device)
    nearest = torch.full((len(row), len(INSTANCE)), torch.inf, device=row.device)
    for surface in range(SHELL):
        covered[:, surface] = row == surface
        nearest[:, surface] = torch.where(covered[:, surface], depth, torch.inf).amin(1)
    return covered, nearest
