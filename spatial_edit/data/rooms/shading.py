"""Shading: from albedo to light that reaches the camera.

Light = ambient · occlusion + floor bounce + key light (area, soft shadows) + lamp (no shadows) + glow + floor
sheen. Ambient occlusion samples the distance field of the scene at two heights over the surface; every
sub-sample of a pixel looks at another point of the key light, which makes the shadow's edge soft.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from spatial_edit.data.rooms.coat import Coat
from spatial_edit.data.rooms.primitives import Rays
from spatial_edit.data.rooms.rooms import Rooms
from spatial_edit.data.rooms.surface import Surface, Vector
from spatial_edit.data.rooms.vocabulary import CENTRE, HALF, SHELL, Kind

OCCLUSION_STEPS = ((0.12, 0.45), (0.45, 0.4))  # (metres over the surface, weight)
FOUR_SAMPLES = ((-0.5, -0.5), (0.5, 0.5), (-0.5, 0.5), (0.5, -0.5))
SHRINK = 0.97  # of boxes that cast shadows, so that they do not shade their own faces


def shade(
    rooms: Rooms, rays: Rays, surface: Surface, albedo: list[Tensor], coat: Coat, slots: list[int],
    samples: int, shadows: bool, occlusion: bool,
) -> Tensor:  # fmt: skip
    """(B, 3, R) linear light, exposed; `slots` are the primitives that cast shadows."""
    normal = _bent_normal(surface, coat)
    open_ = _occlusion(rooms, surface, slots) if occlusion else torch.ones_like(surface.x)
    key = _key_light(rooms, surface, normal, slots, samples, shadows)
    lamp = _lamp(rooms, surface, normal)
    ambient = (0.62 + 0.23 * normal[1] - 0.12 * normal[2]) * open_
    bounce = (0.5 - 0.5 * normal[1]) * 0.35 * open_
    inverse = torch.rsqrt(rays.dx * rays.dx + rays.dy * rays.dy + rays.dz * rays.dz)
    grazing = (1 + rays.dy * inverse).clamp(0, 1)
    sheen = surface["spec"] * grazing**3 * 0.6 * open_ * (surface.ny > 0.9)
    out = []
    for i in range(3):
        ambient_colour, key_colour = rooms.ambient[:, i : i + 1], rooms.key_colour[:, i : i + 1]
        light = (
            ambient_colour * ambient
            + rooms.floor_colour[:, i : i + 1] ** 2.2 * ambient_colour * bounce
            + key_colour * key * (0.35 + 0.65 * open_)
            + rooms.lamp_colour[:, i : i + 1] * lamp * (0.3 + 0.7 * open_)
            + key_colour * 0.10 * open_
        )
        colour = albedo[i] * light * 1.25 + coat.glow * (albedo[i] * 0.9 + 0.08) + sheen * key_colour * 0.25
        out.append(colour * rooms.exposure[:, None])
    return torch.stack(out, 1)


def tone_map(light: Tensor) -> Tensor:
    """Display values before gamma: a filmic curve (the rational fit of Narkowicz 2015) on the light, clamped
    to 0..1."""
    light = light * 0.75
    light = light * (2.51 * light + 0.03) / (light * (2.43 * light + 0.59) + 0.14)
    return light.clamp(0, 1)


def _bent_normal(surface: Surface, coat: Coat) -> Vector:
    nx = surface.nx + torch.where(surface.on_x, 0.0, 1.0) * coat.bend
    nz = surface.nz + torch.where(surface.on_x, 1.0, 0.0) * coat.bend
    ny = surface.ny
    inverse = torch.rsqrt(nx * nx + ny * ny + nz * nz)
    return nx * inverse, ny * inverse, nz * inverse


def _occlusion(rooms: Rooms, surface: Surface, slots: list[int]) -> Tensor:
    """(B, R) share of ambient light left by what is near; distances are per axis: enough, and cheap."""
    centre, half = rooms.table[:, SHELL:, CENTRE], rooms.table[:, SHELL:, HALF]
    width, depth, height = rooms.width[:, None], rooms.depth[:, None], rooms.height[:, None]
    left = torch.ones_like(surface.x)
    for step, weight in OCCLUSION_STEPS:
        x, y, z = surface.x + surface.nx * step, surface.y + surface.ny * step, surface.z + surface.nz * step
        distance = torch.minimum(torch.minimum(width / 2 - x.abs(), depth - z), torch.minimum(y, height - y))
        for slot in slots:
            c, h = centre[:, slot], half[:, slot]
            gx, gy, gz = ((p - c[:, i : i + 1]).abs() - h[:, i : i + 1] for i, p in enumerate((x, y, z)))
            distance = torch.minimum(distance, torch.maximum(gx, torch.maximum(gy, gz)))
        left = left * (1 - weight * (1 - distance / step).clamp(0, 1))
    return left


def _light_samples(samples: int, device: torch.device) -> Tensor:
    """(samples², 2) one point of the light for every sub-sample, as fractions of its half extents; a spiral
    in general."""
    n = samples * samples
    if n == 4:
        return torch.tensor(FOUR_SAMPLES, device=device)
    if n == 1:
        return torch.zeros(1, 2, device=device)
    spiral = [[math.cos(i * 2.4) * (i / n) ** 0.5, math.sin(i * 2.4) * (i / n) ** 0.5] for i in range(n)]
    return torch.tensor(spiral, device=device)


def _key_light(
    rooms: Rooms, surface: Surface, normal: Vector, slots: list[int], samples: int, shadows: bool
) -> Tensor:
    """(B, R) irradiance from the key light; a window shines into the room, a lamp to all sides."""
    offsets, pixels = _light_samples(samples, surface.x.device), surface.x.shape[1] // (samples * samples)
    across, up = (offsets[:, i].repeat_interleave(pixels)[None] for i in range(2))
    position, extent, facing = rooms.key_position, rooms.key_extent, rooms.key_normal
    upright = extent[:, 1:2] > 0
    vx = position[:, 0:1] + extent[:, 0:1] * across - surface.x
    vy = position[:, 1:2] + extent[:, 1:2] * up - surface.y
    vz = position[:, 2:3] + extent[:, 2:3] * torch.where(upright, across, up) - surface.z
    squared = vx * vx + vy * vy + vz * vz
    inverse = torch.rsqrt(squared + 1e-4)
    cosine = ((normal[0] * vx + normal[1] * vy + normal[2] * vz) * inverse).clamp(min=0)
    from_window = 0.35 + 0.65 * (-(facing[:, 0:1] * vx + facing[:, 2:3] * vz) * inverse).clamp(min=0)
    seen = _shadow(rooms, surface, (vx, vy, vz), slots) if shadows else torch.ones_like(vx)
    return (
        cosine * seen * torch.where(upright, from_window, torch.ones_like(vx)) * 2.0 / (1.0 + 0.2 * squared)
    )


def _shadow(rooms: Rooms, surface: Surface, towards: Vector, slots: list[int]) -> Tensor:
    """(B, R) 0 where a primitive lies between the point and its light sample, 1 elsewhere; cylinders count as
    ellipsoids."""
    centre, half = rooms.table[:, SHELL:, CENTRE], rooms.table[:, SHELL:, HALF]
    inverse = tuple(1 / torch.where(v.abs() < 1e-5, 1e-5, v) for v in towards)
    start = surface.x + surface.nx * 0.02, surface.y + surface.ny * 0.02, surface.z + surface.nz * 0.02
    seen = torch.ones_like(surface.x)
    for slot in slots:
        c, h = centre[:, slot], half[:, slot] * SHRINK
        to_centre = [c[:, i : i + 1] - start[i] for i in range(3)]
        if rooms.kinds[slot] == Kind.BOX:
            # |c - s - t v| ≤ h: t runs from (c - s) / v - h / |v| to (c - s) / v + h / |v| on every axis
            rx, ry, rz = (r * j for r, j in zip(to_centre, inverse, strict=True))
            wx, wy, wz = (h[:, i : i + 1] * inverse[i].abs() for i in range(3))
            enter = torch.maximum(torch.maximum(rx - wx, ry - wy), rz - wz)
            leave = torch.minimum(torch.minimum(rx + wx, ry + wy), rz + wz)
            seen = torch.where((enter < leave) & (leave > 0) & (enter < 0.97), 0.0, seen)
        else:
            scale = 1 / h
            ax, ay, az = (v * scale[:, i : i + 1] for i, v in enumerate(towards))
            bx, by, bz = (r * scale[:, i : i + 1] for i, r in enumerate(to_centre))
            t = ((ax * bx + ay * by + az * bz) / (ax * ax + ay * ay + az * az)).clamp(0, 1)
            squared = (bx - t * ax) ** 2 + (by - t * ay) ** 2 + (bz - t * az) ** 2
            seen = torch.where((squared < 1) & ~(surface.row == slot + SHELL), 0.0, seen)
    return seen


def _lamp(rooms: Rooms, surface: Surface, normal: Vector) -> Tensor:
    """(B, R) irradiance from the lamp, falling with the squared distance."""
    lx, ly, lz = (
        rooms.lamp_position[:, i : i + 1] - p for i, p in enumerate((surface.x, surface.y, surface.z))
    )
    squared = lx * lx + ly * ly + lz * lz
    cosine = (normal[0] * lx + normal[1] * ly + normal[2] * lz) * torch.rsqrt(squared + 1e-4)
    return (cosine * 0.7 + 0.3).clamp(min=0) / (0.15 + 1.3 * squared)
