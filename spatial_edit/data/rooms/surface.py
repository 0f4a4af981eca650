"""Surface: what the renderer knows of the point where each ray ends: place, normal, face coordinates, table
columns."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from spatial_edit.data.rooms.primitives import Hits, Rays
from spatial_edit.data.rooms.rooms import Rooms
from spatial_edit.data.rooms.vocabulary import FIELD, Kind


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """All tensors (B, R), lengths in metres.

    x, y, z: the point; lx, ly, lz: the same from the middle of the primitive; qx, qy, qz: as fractions of its
    half extents. nx, ny, nz: unit normal. u, v and un, vn: coordinates on the face, in metres and as
    fractions. on_x, on_y: whether the face looks along x or y. front: whether it is the front of the
    primitive. pixel: the size of a pixel there, for smoothing.
    """

    fields: Tensor  # (B, R, F) the table row of each ray
    row: Tensor
    depth: Tensor
    x: Tensor
    y: Tensor
    z: Tensor
    lx: Tensor
    ly: Tensor
    lz: Tensor
    qx: Tensor
    qy: Tensor
    qz: Tensor
    nx: Tensor
    ny: Tensor
    nz: Tensor
    u: Tensor
    v: Tensor
    un: Tensor
    vn: Tensor
    on_x: Tensor
    on_y: Tensor
    front: Tensor
    pixel: Tensor

    def __getitem__(self, name: str) -> Tensor:
        """(B, R) column `name` of the table."""
        return self.fields[..., FIELD[name]]

    @property
    def half_width(self) -> Tensor:
        """(B, R) half of the face's horizontal extent."""
        return torch.where(self.on_x, self["hz"], self["hx"])

    def edges(self) -> tuple[Tensor, Tensor]:
        """Distance (B, R) to the nearest vertical and to the nearest horizontal edge of the face."""
        return (1 - self.un.abs()) * self.half_width, (1 - self.vn.abs()) * self["hy"]


def describe(rooms: Rooms, rays: Rays, hits: Hits) -> Surface:
    """The surface at the end of every ray."""
    table, (depth, row) = rooms.table, hits[:2]
    flat = (row + torch.arange(len(table), device=row.device)[:, None] * table.shape[1]).view(-1)
    fields = table.reshape(-1, table.shape[-1]).index_select(0, flat).view(len(table), -1, table.shape[-1])
    column = {
        name: fields[..., FIELD[name]] for name in ("cx", "cy", "cz", "hx", "hy", "hz", "kind", "fx", "fz")
    }
    x, y, z = rays.ox + rays.dx * depth, rays.oy + rays.dy * depth, rays.oz + rays.dz * depth
    local = x - column["cx"], y - column["cy"], z - column["cz"]
    lx, ly, lz = local
    half = column["hx"], column["hy"], column["hz"]
    qx, qy, qz = lx / half[0], ly / half[1], lz / half[2]
    ax, ay, az = qx.abs(), qy.abs(), qz.abs()
    on_x = (ax >= ay) & (ax >= az)
    on_y = ~on_x & (ay >= az)
    cap = ay > 0.999
    nx, ny, nz = _normal(column["kind"], row, fields[..., FIELD["bev"]], local, half, (qx, qy, qz), cap)

    shell, tube = column["kind"] < 0, (column["kind"] == Kind.CYLINDER) & ~cap
    on_x, on_y = torch.where(shell, row >= 3, on_x), torch.where(shell, row < 2, on_y)
    u, v = torch.where(on_x, lz, lx), torch.where(on_y, lz, ly)
    u = torch.where(tube, torch.atan2(lz, lx) * half[0], u)
    un, vn = torch.where(on_x, qz, qx), torch.where(on_y, qz, qy)
    front = (nx * column["fx"] + nz * column["fz"]) > 0.5
    pixel = depth * rays.spread * 1.5
    return Surface(
        fields, row, depth, x, y, z, lx, ly, lz, qx, qy, qz, nx, ny, nz, u, v, un, vn, on_x, on_y, front,
        pixel,
    )  # fmt: skip


Vector = tuple[Tensor, Tensor, Tensor]


def _normal(
    kind: Tensor, row: Tensor, bevel: Tensor, local: Vector, half: Vector, q: Vector, cap: Tensor
) -> Vector:
    """Unit normals (B, R): boxes with rounded edges, ellipsoids, cylinders with a flat top, the shell looking
    inwards."""
    radius = torch.maximum(bevel, torch.full_like(bevel, 1e-4))
    radius = torch.minimum(radius, torch.minimum(half[0], torch.minimum(half[1], half[2])) * 0.999)
    nx, ny, nz = ((p.abs() - (h - radius)).clamp(min=0) * p.sign() for p, h in zip(local, half, strict=True))
    ball, tube, shell = kind == Kind.ELLIPSOID, kind == Kind.CYLINDER, kind < 0
    nx, ny, nz = (torch.where(ball, part / h, n) for n, part, h in zip((nx, ny, nz), q, half, strict=True))
    nx = torch.where(tube, torch.where(cap, 0 * local[0], local[0]), nx)
    nz = torch.where(tube, torch.where(cap, 0 * local[2], local[2]), nz)
    ny = torch.where(tube, torch.where(cap, 1.0, 0.0), ny)
    nx = torch.where(shell, (row == 3).float() - (row == 4).float(), nx)
    ny = torch.where(shell, (row == 0).float() - (row == 1).float(), ny)
    nz = torch.where(shell, -(row == 2).float(), nz)
    inverse = torch.rsqrt(nx * nx + ny * ny + nz * nz + 1e-12)
    return nx * inverse, ny * inverse, nz * inverse
