"""The box map: every box in its class's colour, cast by rays, so that what is in front is in front."""

from __future__ import annotations

import colorsys

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from spatial_edit.layouts import Boxes3D
from spatial_edit.layouts.boxes3d import CLASS_ID, FACINGS
from spatial_edit.layouts.furniture import Box, boxes_of, surface_height
from spatial_edit.layouts.perspective import NEAR, directions, project

_OVERSAMPLE = 2
_SHADES = (0.72, 1.0, 0.86)  # of faces across x, y, z
_GROUND = (0.10, 0.11, 0.14)
_INK = (20, 22, 28)
_BOARD = 0.05  # half the thickness of a headboard


def class_colour(name: str) -> tuple[float, float, float]:
    """The colour (0..1) that a class has on canvas, plan and map: hues a golden angle apart."""
    return colorsys.hls_to_rgb((CLASS_ID[name] * 137.508 + 200) % 360 / 360, 0.62, 0.80)


def box_map(layout: Boxes3D, side: int = 512) -> Image.Image:
    """The visible boxes with their numbers, seen by the layout's camera, on dark ground."""
    shown = layout.visible()
    boxes, owner = _solids(shown)
    first, face = _first_hits(boxes, shown.camera, side * _OVERSAMPLE)
    nearest = torch.where(first < 0, -1, owner[first])
    colours = torch.tensor([class_colour(name) for name in shown.classes] + [_GROUND])
    shade = torch.tensor(_SHADES)[face][..., None]
    picture = torch.where(nearest[..., None] < 0, torch.tensor(_GROUND), colours[nearest] * shade)
    pixels = (picture * 255).round().to(torch.uint8).numpy()
    canvas = Image.fromarray(np.ascontiguousarray(pixels)).resize((side, side), Image.Resampling.BOX)
    _write_numbers(canvas, shown)
    return canvas


def _solids(layout: Boxes3D) -> tuple[Tensor, Tensor]:
    """(N, 6) boxes that are full, and (N,) whose they are: of a bed the mattress and the headboard, since its
    bedding lies inside its box."""
    boxes = boxes_of(layout)
    found: list[tuple[Box, int]] = []
    for k, box in enumerate(boxes):
        if layout.classes[k] != "bed":
            found.append((box, k))
            continue
        half = (surface_height(layout, k, boxes) - box.bottom) / 2
        x, z = FACINGS[layout.facings[k]]
        deep = (box.hx if x else box.hz) - _BOARD
        board = box._replace(x=box.x - x * deep, z=box.z - z * deep)
        board = board._replace(hx=_BOARD if x else box.hx, hz=_BOARD if z else box.hz)
        found += [(box._replace(y=box.bottom + half, hy=half), k), (board, k)]
    values = torch.tensor([list(box) for box, _ in found], dtype=torch.float32).reshape(-1, 6)
    return values, torch.tensor([*(k for _, k in found), -1])


def _first_hits(boxes: Tensor, camera: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """(side, side) the number of the box (N, 6) that each ray meets first, -1 for none, and the axis of its
    face."""
    axis = (torch.arange(side) + 0.5) / side
    v, u = torch.meshgrid(axis, axis, indexing="ij")
    rays = directions(torch.stack([u, v], -1), camera)
    slope = torch.where(rays.abs() < 1e-9, 1e-9, rays)
    depth = torch.full((side, side), torch.inf)
    nearest = torch.full((side, side), -1)
    face = torch.zeros(side, side, dtype=torch.long)
    for k, (centre, half) in enumerate(zip(boxes[:, :3], boxes[:, 3:], strict=True)):
        low, high = (centre - half - camera[:3]) / slope, (centre + half - camera[:3]) / slope
        enter, axis_of = torch.minimum(low, high).max(-1)
        hit = (enter <= torch.maximum(low, high).amin(-1)) & (enter > NEAR) & (enter < depth)
        depth, nearest = torch.where(hit, enter, depth), torch.where(hit, k, nearest)
        face = torch.where(hit, axis_of, face)
    return nearest, face


def _write_numbers(canvas: Image.Image, layout: Boxes3D) -> None:
    side = canvas.width
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(size=side // 22)
    places, depths = project(layout.centres, layout.camera)
    for k, number in enumerate(layout.ids):
        x, y = places[k].tolist()
        if depths[k] > NEAR and 0 <= x <= 1 and 0 <= y <= 1:
            at = tuple(min(0.97, max(0.03, value)) * side for value in (x, y))
            draw.text(at, str(number), fill="white", font=font, anchor="mm", stroke_width=3, stroke_fill=_INK)
