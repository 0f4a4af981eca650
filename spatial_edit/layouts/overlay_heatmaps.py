"""Overlay of heatmaps: rings at one and two sigma round every centre, and the heatmap as a picture."""

from __future__ import annotations

import numpy as np
from PIL import Image

from spatial_edit.layouts.heatmaps import Heatmaps
from spatial_edit.layouts.overlay_frame import (
    blend,
    document,
    finish,
    group,
    hexadecimal,
    middles,
    sheet,
    strokes,
)

LEVEL_NAMES = ("coarse", "middle", "fine")


def to_svg(layout: Heatmaps, side: int = 512) -> str:
    """An SVG document: every visible centre with its rings and its number."""
    shown = layout.visible()
    parts = []
    for k, number in enumerate(shown.ids):
        x, y = (shown.centres[k].detach() * side).tolist()
        sigma = shown.sigmas[k].item() * side
        dot = f'<circle cx="{x:.2f}" cy="{y:.2f}" r="{side / 128:.2f}" fill="{hexadecimal(number)}"/>'
        rings = "".join(
            f'<circle cx="{x:.2f}" cy="{y:.2f}" r="{times * sigma:.2f}" '
            f"{strokes(number, side, shown.locked[k], 0.25 if times == 1 else 0.08)}/>"
            for times in (2, 1)
        )
        parts.append(group(number, LEVEL_NAMES[shown.levels[k]], rings + dot, x, y, side))
    return document(side, f"{len(shown)} heatmap centres", parts)


def to_map(layout: Heatmaps, side: int = 256) -> Image.Image:
    """An RGB picture of the visible centres' Gaussians in their colours, coarse levels below finer ones."""
    picture, shown, at = sheet(side), layout.visible(), middles(side)
    for k in np.argsort(shown.levels, kind="stable"):
        x, y = shown.centres[k].tolist()
        squared = (at[None, :] - x) ** 2 + (at[:, None] - y) ** 2
        blend(picture, np.exp(-squared / (2 * shown.sigmas[k].item() ** 2)), shown.ids[k])
    return finish(picture)
