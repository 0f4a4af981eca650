"""Overlay: a layout as SVG ellipses with their numbers, and as a blob-map picture.

A number's colour is always the same, whatever else the layout holds: hues step by the golden angle, so that
neighbours in number are far apart in hue.
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Mapping
from html import escape

import numpy as np
from PIL import Image

from spatial_edit.layouts.blobs import Blobs

MAX_SIDE = 4096
EDGE_PIXELS = 1.5  # width of the soft edge in the blob map
BACKGROUND = (38, 38, 42)

_GOLDEN_ANGLE, _FIRST_HUE = 137.508, 200.0  # degrees; the canvas of the app takes the same


def colour(number: int) -> tuple[int, int, int]:
    """The RGB colour (0..255 each) of the element with this number, as the app's canvas shows it."""
    hue = (number * _GOLDEN_ANGLE + _FIRST_HUE) % 360 / 360
    red, green, blue = colorsys.hls_to_rgb(hue, 0.62, 0.85)
    return round(255 * red), round(255 * green), round(255 * blue)


def to_svg(layout: Blobs, side: int = 512, labels: Mapping[int, str] | None = None) -> str:
    """An SVG document (side × side user units): every visible element as an ellipse with its number, by
    depth.

    labels: a word for a number ("bed"), shown as a tooltip; any text is safe. ValueError for a side outside
    1..4096.
    """
    _check_side(side)
    shown = layout.visible()
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" width="{side}" height="{side}" '
        f'role="img" aria-label="{len(shown)} elements">'
    ]
    radii = (shown.radii().detach() * side).tolist()
    for k, number in enumerate(shown.ids):
        x, y = (shown.centres[k].detach() * side).tolist()
        turn = -math.degrees(shown.angles[k].item())  # SVG turns clockwise as seen
        paint = "#{:02x}{:02x}{:02x}".format(*colour(number))
        dash = ' stroke-dasharray="4 3"' if shown.locked[k] else ""
        label = "".join(c for c in (labels or {}).get(number, "") if c.isprintable())
        title = escape(f"{number} {label}".strip())
        parts.append(
            f'<g data-id="{number}"><title>{title}</title>'
            f'<ellipse cx="{x:.2f}" cy="{y:.2f}" rx="{radii[k][0]:.2f}" ry="{radii[k][1]:.2f}" '
            f'transform="rotate({turn:.2f} {x:.2f} {y:.2f})" fill="{paint}" fill-opacity="0.25" '
            f'stroke="{paint}" stroke-width="{side / 256:.2f}"{dash}/>'
            f'<text x="{x:.2f}" y="{y:.2f}" font-family="sans-serif" font-size="{side / 24:.2f}" '
            f'text-anchor="middle" dominant-baseline="central" fill="#fff" stroke="#000" '
            f'stroke-width="{side / 170:.2f}" paint-order="stroke">{number}</text></g>'
        )
    return "".join([*parts, "</svg>"])


def to_blob_map(layout: Blobs, side: int = 256) -> Image.Image:
    """An RGB picture (side × side) of the visible elements in their colours, nearer ones over farther ones.

    ValueError for a side outside 1..4096.
    """
    _check_side(side)
    picture = np.empty((side, side, 3), np.float32)
    picture[:] = BACKGROUND
    shown = layout.visible()
    radii = shown.radii().detach().numpy()
    for k, number in enumerate(shown.ids):
        opacity = _coverage(shown.centres[k].tolist(), radii[k], shown.angles[k].item(), side)[..., None]
        picture += opacity * (np.array(colour(number), np.float32) - picture)
    return Image.fromarray((picture + 0.5).astype(np.uint8))


def _coverage(centre: list[float], radii: np.ndarray, angle: float, side: int) -> np.ndarray:
    """(side, side) 1 inside the ellipse, 0 outside, a linear edge between. The distance to the edge is taken
    to first order: (d - 1) / |grad d| with d = sqrt((u / a)^2 + (v / b)^2)."""
    grid = (np.arange(side, dtype=np.float32) + 0.5) / side
    dx, dy = grid[None, :] - centre[0], grid[:, None] - centre[1]
    along = dx * math.cos(angle) - dy * math.sin(angle)
    across = dx * math.sin(angle) + dy * math.cos(angle)
    distance = np.sqrt((along / radii[0]) ** 2 + (across / radii[1]) ** 2)
    slope = np.sqrt((along / radii[0] ** 2) ** 2 + (across / radii[1] ** 2) ** 2) / np.maximum(distance, 1e-6)
    pixels = (1 - distance) / np.maximum(slope, 1e-6) * side
    return np.clip(pixels / EDGE_PIXELS + 0.5, 0, 1)


def _check_side(side: int) -> None:
    if not 1 <= side <= MAX_SIDE:
        raise ValueError(f"the side is {side} pixels: it must be 1 to {MAX_SIDE}")
