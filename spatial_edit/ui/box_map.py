"""The box map: every box in its class's colour, cast by rays, so that what is in front is in front."""

from __future__ import annotations

import colorsys

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from spatial_edit.layouts import Boxes3D
from spatial_edit.layouts.boxes3d import CLASS_ID
from spatial_edit.layouts.perspective import NEAR, directions, project

_OVERSAMPLE = 2
_SHADES = (0.72, 1.0, 0.86)  # of faces across x, y, z
_GROUND = (0.10, 0.11, 0.14)
_INK = (20, 22, 28)


def class_colour(name: str) -> tuple[float, float, float]:
    """The colour (0..1) that a class has on canvas, plan and map: hues a golden angle apart."""
    return colorsys.hls_to_rgb((CLASS_ID[name] * 137.508 + 200) % 360 / 360, 0.62, 0.80)


def box_map(layout: Boxes3D, side: int = 512) -> Image.Image:
    """The visible boxes with their numbers, seen by the layout's camera, on dark ground."""
    shown = layout.visible()
    nearest, face = _first_hits(shown, side * _OVERSAMPLE)
    colours = torch.tensor([class_colour(name) for name in shown.classes] + [_GROUND])
    shade = torch.tensor(_SHADES)[face][..., None]
    picture = torch.where(nearest[..., None] < 0, torch.tensor(_GROUND), colours[nearest] * shade)
    pixels = (picture * 255).round().to(torch.uint8).numpy()
    canvas = Image.fromarray(np.ascontiguousarray(pixels)).resize((side, side), Image.Resampling.BOX)
    _write_numbers(canvas, shown)
    return canvas


def _first_hits(layout: Boxes3D, side: int) -> tuple[Tensor, Tensor]:
    """(side, side) the number of the box that each ray meets first, -1 for none, and the axis of its face."""
    axis = (torch.arange(side) + 0.5) / side
    v, u = torch.meshgrid(axis, axis, indexing="ij")
    rays = directions(torch.stack([u, v], -1), layout.camera)
    slope = torch.where(rays.abs() < 1e-9, 1e-9, rays)
    depth = torch.full((side, side), torch.inf)
    nearest = torch.full((side, side), -1)
    face = torch.zeros(side, side, dtype=torch.long)
    for k in range(len(layout)):
        low = (layout.centres[k] - layout.halves[k] - layout.camera[:3]) / slope
        high = (layout.centres[k] + layout.halves[k] - layout.camera[:3]) / slope
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
