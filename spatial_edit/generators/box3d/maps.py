"""Maps: what the decoder is told about every pixel.

Two things come from the rays of a room: the index of the part (or surface) behind each sub-pixel, through
which the parts' learned vectors and colours reach the picture with gradients; and `FEATURES` numbers about
the point that is seen, averaged over the sub-pixels of a pixel: where on the part and where in the room it
lies, its normal, its place in the period of the part's texture, and the light that reaches it."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from spatial_edit.generators.box3d.lighting import CHANNELS, light_maps
from spatial_edit.generators.box3d.parts import BACKGROUND, SURFACE_FIELDS, BoxBatch, Parts, Shape, expand
from spatial_edit.generators.box3d.patterns import WAVES, pattern_features
from spatial_edit.generators.box3d.rays import SHELL, Axes, Hits, cast

FEATURES = 3 + 1 + 3 + 3 + 1 + 12 + 6 + 4 + WAVES + CHANNELS
LIGHT = slice(FEATURES - CHANNELS, FEATURES)  # where the light maps stand among the features
NORMAL = slice(4, 7)


class Maps(NamedTuple):
    """labels (B, S·S, samples²) uint8, see `rays.Hits`, and features (B, FEATURES, S, S) float32."""

    labels: Tensor
    features: Tensor


class Surface(NamedTuple):
    """What is known of the point behind every sub-pixel; (n, n) each, lengths in metres."""

    points: Axes
    local: Axes  # from the middle of the part
    unit: Axes  # the same as fractions of its half extents
    half: Axes
    normals: Axes
    on_x: Tensor  # bool: the face looks along x
    on_y: Tensor
    part: Tensor  # bool: a part, not a surface of the room
    tube: Tensor  # bool: the side of a cylinder
    texture: Tensor  # int64
    pattern: Axes  # tp0, tp1, tp2


@torch.no_grad()
def draw_maps(
    batch: BoxBatch, resolution: int, samples: int = 2, coarse_light: bool = False
) -> tuple[Parts, Maps]:
    """The parts and maps of B rooms, one after the other. `coarse_light`: with one sample a pixel, the light
    is worked out at every second pixel and interpolated, for previews of 64 px and more."""
    parts = expand(batch)
    coarse = coarse_light and samples == 1 and resolution >= 64
    drawn = [_draw(batch.at(i), _one(parts, i), resolution, samples, coarse) for i in range(len(batch.room))]
    return parts, Maps(*(torch.stack(values) for values in zip(*drawn, strict=True)))


def _one(parts: Parts, i: int) -> Parts:
    return Parts(*(value[i : i + 1] for value in parts))


def _draw(
    batch: BoxBatch, parts: Parts, resolution: int, samples: int, coarse: bool
) -> tuple[Tensor, Tensor]:
    room, camera = batch.room[0], batch.camera[0]
    hits = cast(room, camera, parts, resolution, samples)
    surface = _surface(room, camera, batch.background[0], parts, hits)

    if coarse:
        x, y, z = (p[::2, ::2].contiguous() for p in surface.points)
        nx, ny, nz = (n[::2, ::2].contiguous() for n in surface.normals)
        few = light_maps(batch, parts, (x, y, z), (nx, ny, nz), hits.labels[::2, ::2], samples)
        light = interpolate(few[None], scale_factor=2, mode="bilinear", align_corners=False)[0]
    else:
        light = light_maps(batch, parts, surface.points, surface.normals, hits.labels, samples)
    kinds = {*batch.background[0, :: len(SURFACE_FIELDS)].round().int().tolist(), *parts.textures[0].tolist()}
    patterns = torch.stack(pattern_features(surface, kinds))
    features = torch.cat([torch.stack(_place(surface, hits)), patterns, light])

    pixels = features if samples == 1 else avg_pool2d(features[None], samples)[0]
    labels = hits.labels.view(resolution, samples, resolution, samples).permute(0, 2, 1, 3)
    return labels.reshape(resolution * resolution, samples * samples).to(torch.uint8), pixels


def _surface(room: Tensor, camera: Tensor, background: Tensor, parts: Parts, hits: Hits) -> Surface:
    labels = hits.labels.flatten()
    shape = hits.labels.shape

    def column(of_shell: Tensor, of_parts: Tensor) -> Tensor:
        return torch.cat([of_shell, of_parts]).index_select(0, labels).view(shape)

    points = _axes([camera[i] + hits.ray[i] * hits.depth for i in range(3)])
    zero, one = room.new_zeros(SHELL), room.new_ones(SHELL)
    centre = [column(zero, parts.centres[0, :, i]) for i in range(3)]
    half = [column(one, parts.halves[0, :, i]) for i in range(3)]
    local = [p - c for p, c in zip(points, centre, strict=True)]
    unit = [p / h for p, h in zip(local, half, strict=True)]
    shell = background.view(SHELL, BACKGROUND // SHELL)
    texture = column(shell[:, 0], parts.textures[0].float()).round().long()
    first = SURFACE_FIELDS.index("tp0")
    pattern = [column(shell[:, first + i], parts.patterns[0, :, i]) for i in range(3)]
    form = column(zero - 1, parts.shapes[0].float())
    bevel = column(zero, parts.bevels[0])
    cap = unit[1].abs() > 0.999
    normals = _normals(hits.labels, form, bevel, local, half, unit, cap)

    ax, ay, az = (u.abs() for u in unit)
    on_x = (ax >= ay) & (ax >= az)
    on_y = ~on_x & (ay >= az)
    part = form >= 0
    on_x, on_y = torch.where(part, on_x, hits.labels >= 3), torch.where(part, on_y, hits.labels < 2)
    return Surface(
        points, _axes(local), _axes(unit), _axes(half), normals, on_x, on_y, part,
        (form == Shape.CYLINDER) & ~cap, texture, _axes(pattern),
    )  # fmt: skip


def _axes(values: list[Tensor]) -> Axes:
    x, y, z = values
    return x, y, z


def _normals(
    labels: Tensor, form: Tensor, bevel: Tensor, local: list[Tensor], half: list[Tensor], unit: list[Tensor],
    cap: Tensor,
) -> Axes:  # fmt: skip
    """Unit normals: boxes with rounded edges, ellipsoids, cylinders with a flat top, the room inwards."""
    smallest = torch.minimum(half[0], torch.minimum(half[1], half[2])) * 0.999
    radius = torch.minimum(bevel.clamp(min=1e-4), smallest)
    box = [(p.abs() - (h - radius)).clamp(min=0) * p.sign() for p, h in zip(local, half, strict=True)]
    ball, tube, shell = form == Shape.ELLIPSOID, form == Shape.CYLINDER, form < 0
    round_ = [u / h for u, h in zip(unit, half, strict=True)]
    side = [torch.where(cap, 0.0, round_[0]), torch.where(cap, 1.0, 0.0), torch.where(cap, 0.0, round_[2])]
    inward = [
        (labels == 3).float() - (labels == 4).float(),
        (labels == 0).float() - (labels == 1).float(),
        -(labels == 2).float(),
    ]
    chosen = []
    for axis in range(3):
        value = torch.where(ball, round_[axis], box[axis])
        chosen.append(torch.where(shell, inward[axis], torch.where(tube, side[axis], value)))
    x, y, z = chosen
    inverse = torch.rsqrt(x * x + y * y + z * z + 1e-12)
    return x * inverse, y * inverse, z * inverse


def _place(surface: Surface, hits: Hits) -> list[Tensor]:
    """Place on the part and in the room, normal, and waves of both."""
    part = surface.part.float()
    unit = [u.clamp(-1.2, 1.2) * part for u in surface.unit]
    x, y, z = surface.points
    maps = [*unit, part, *surface.normals, 0.5 * x, 0.5 * y - 0.6, 0.3 * z - 0.7]
    maps.append(2 / hits.depth.clamp(min=0.3))
    for count in (1, 2):
        for p in surface.points:
            angle = 2 * math.pi * count * p
            maps += [angle.sin(), angle.cos()]
    for u in unit:
        maps += [(math.pi * u).sin(), (math.pi * u).cos() * part]
    across = torch.where(surface.on_x, unit[2], unit[0])
    up = torch.where(surface.on_y, unit[2], unit[1])
    reach = torch.where(surface.on_x, surface.half[2], surface.half[0])
    rise = torch.where(surface.on_y, surface.half[2], surface.half[1])
    edge = ((1 - across.abs()) * reach).clamp(0, 0.3) * 4, ((1 - up.abs()) * rise).clamp(0, 0.3) * 4
    return [*maps, across, up, edge[0] * part, edge[1] * part]
