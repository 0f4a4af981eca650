"""Lighting: how much of each light reaches what a ray sees.

A rough account, from the boxes alone: ambient light dimmed in corners (the distance field of the room at two
steps off the surface), the key light with soft shadows (every sub-pixel of a pixel looks at another point of
the window or lamp), one small lamp without shadows. The decoder paints over it what it cannot know: textures,
glow, reflections."""

from __future__ import annotations

import torch
from torch import Tensor

from spatial_edit.generators.box3d.parts import BoxBatch, Parts, Shape
from spatial_edit.generators.box3d.rays import Axes, windows
from spatial_edit.layouts.boxes3d import KEY_EXTENT, KEY_NORMAL, KEY_POSITION, LAMP_POSITION

OCCLUSION_STEPS = ((0.12, 0.45), (0.45, 0.4))  # (metres over the surface, weight)
SHRINK = 0.97  # of the parts that cast shadows, so that they do not shade their own faces
LIGHT_POINTS = {1: ((0.0, 0.0),), 2: ((-0.5, -0.5), (0.5, 0.5), (-0.5, 0.5), (0.5, -0.5))}
CHANNELS = 6  # openness near and far, key light without and with shadows, lamp, cosine to the key light


def light_maps(
    batch: BoxBatch, parts: Parts, points: Axes, normals: Axes, labels: Tensor, samples: int
) -> Tensor:
    """(CHANNELS, n, n) at the surface points (n, n) of a batch of one room; `labels` as in `Hits`."""
    casting = (parts.casts & parts.exists)[0].nonzero().flatten().tolist()
    near, far = (_open(batch, parts, casting, points, normals, step) for step, _ in OCCLUSION_STEPS)
    lights = batch.lights[0]
    key, shaded, cosine = _key(lights, parts, casting, points, normals, labels, samples)
    return torch.stack([near, far, key, shaded, _lamp(lights, points, normals), cosine])


def _open(
    batch: BoxBatch, parts: Parts, casting: list[int], points: Axes, normals: Axes, step: float
) -> Tensor:
    """(n, n) in 0..1: the distance to the nearest surface from `step` metres off this one, by `step`.

    A part counts only for points within 2 `step` of it, which lie in the window of its enlarged box."""
    x, y, z = (p + n * step for p, n in zip(points, normals, strict=True))
    width, depth, height = batch.room[0].unbind()
    distance = torch.minimum(torch.minimum(width / 2 - x.abs(), depth - z), torch.minimum(y, height - y))
    around = windows(parts.centres[0], parts.halves[0] + 2 * step, batch.camera[0], len(x))
    for k in casting:
        window = around[k]
        if window is None:
            continue
        c, h = parts.centres[0, k].tolist(), parts.halves[0, k].tolist()
        gaps = [(p[window] - c[i]).abs() - h[i] for i, p in enumerate((x, y, z))]
        nearest = torch.maximum(gaps[0], torch.maximum(gaps[1], gaps[2]))
        distance[window] = torch.minimum(distance[window], nearest)
    return (distance / step).clamp(0, 1)


def _key(
    lights: Tensor,
    parts: Parts,
    casting: list[int],
    points: Axes,
    normals: Axes,
    labels: Tensor,
    samples: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """Irradiance from the key light without and with shadows, and the cosine of its angle; (n, n) each."""
    n = points[0].shape[0]
    spots = torch.tensor(LIGHT_POINTS[samples], device=lights.device).view(samples, samples, 2)
    across, up = spots.repeat(n // samples, n // samples, 1).unbind(-1)
    position, extent, facing = lights[KEY_POSITION], lights[KEY_EXTENT], lights[KEY_NORMAL]
    upright = extent[1] > 0
    vx = position[0] + extent[0] * across - points[0]
    vy = position[1] + extent[1] * up - points[1]
    vz = position[2] + extent[2] * torch.where(upright, across, up) - points[2]
    squared = vx * vx + vy * vy + vz * vz
    inverse = torch.rsqrt(squared + 1e-4)
    cosine = ((normals[0] * vx + normals[1] * vy + normals[2] * vz) * inverse).clamp(min=0)
    window = 0.35 + 0.65 * (-(facing[0] * vx + facing[2] * vz) * inverse).clamp(min=0)
    light = cosine * torch.where(upright, window, torch.ones_like(vx)) * 2.0 / (1.0 + 0.2 * squared)
    return light, light * _seen(parts, casting, points, normals, (vx, vy, vz), labels), cosine


def _seen(parts: Parts, casting: list[int], points: Axes, normals: Axes, to: Axes, labels: Tensor) -> Tensor:
    """(n, n) 0 where a part lies between the point and its spot of the light; cylinders count as
    ellipsoids."""
    inverse = [1 / torch.where(v.abs() < 1e-5, 1e-5, v) for v in to]
    start = [p + n * 0.02 for p, n in zip(points, normals, strict=True)]
    blocked = torch.zeros_like(labels, dtype=torch.bool)
    for k in casting:
        c, h = parts.centres[0, k].tolist(), (parts.halves[0, k] * SHRINK).tolist()
        offset = [c[i] - start[i] for i in range(3)]
        if int(parts.shapes[0, k]) == Shape.BOX:
            middle = [o * i for o, i in zip(offset, inverse, strict=True)]
            reach = [h[i] * inverse[i].abs() for i in range(3)]
            low = [m - r for m, r in zip(middle, reach, strict=True)]
            high = [m + r for m, r in zip(middle, reach, strict=True)]
            enter = torch.maximum(torch.maximum(low[0], low[1]), low[2])
            leave = torch.minimum(torch.minimum(high[0], high[1]), high[2])
            blocked |= (enter < leave) & (leave > 0) & (enter < 0.97)
        else:
            a = [v / h[i] for i, v in enumerate(to)]
            b = [o / h[i] for i, o in enumerate(offset)]
            along = (a[0] * b[0] + a[1] * b[1] + a[2] * b[2]) / (a[0] * a[0] + a[1] * a[1] + a[2] * a[2])
            t = along.clamp(0, 1)
            squared = (b[0] - t * a[0]) ** 2 + (b[1] - t * a[1]) ** 2 + (b[2] - t * a[2]) ** 2
            blocked |= (squared < 1) & (labels != k + 5)
    return (~blocked).float()


def _lamp(lights: Tensor, points: Axes, normals: Axes) -> Tensor:
    """(n, n) irradiance from the small lamp, falling with the squared distance."""
    lx, ly, lz = (lights[LAMP_POSITION][i] - p for i, p in enumerate(points))
    squared = lx * lx + ly * ly + lz * lz
    cosine = (normals[0] * lx + normals[1] * ly + normals[2] * lz) * torch.rsqrt(squared + 1e-4)
    return (cosine * 0.7 + 0.3).clamp(min=0) / (0.15 + 1.3 * squared)
