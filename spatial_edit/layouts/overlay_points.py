"""Overlay of handles and targets: an arrow from each handle (filled) to its target (a ring)."""

from __future__ import annotations

import numpy as np
from PIL import Image

from spatial_edit.layouts.overlay_frame import blend, document, finish, group, hexadecimal, middles, sheet
from spatial_edit.layouts.points import Points


def to_svg(layout: Points, side: int = 512) -> str:
    """An SVG document: every visible pair with its number."""
    shown, size = layout.visible(), side / 64
    parts = []
    for k, number in enumerate(shown.ids):
        (x, y), (to_x, to_y) = (shown.handles[k] * side).tolist(), (shown.targets[k] * side).tolist()
        paint = hexadecimal(number)
        dash = ' stroke-dasharray="4 3"' if shown.locked[k] else ""
        shapes = (
            f'<path d="M{x:.2f} {y:.2f}L{to_x:.2f} {to_y:.2f}" fill="none" stroke="{paint}" '
            f'stroke-width="{side / 256:.2f}"{dash}/>'
            f'<circle cx="{x:.2f}" cy="{y:.2f}" r="{size:.2f}" fill="{paint}"/>'
            f'<circle cx="{to_x:.2f}" cy="{to_y:.2f}" r="{1.4 * size:.2f}" fill="none" stroke="{paint}" '
            f'stroke-width="{side / 170:.2f}"/>'
        )
        parts.append(group(number, "", shapes, x, y - 2.4 * size, side))
    return document(side, f"{len(shown)} handles and targets", parts)


def to_map(layout: Points, side: int = 256) -> Image.Image:
    """An RGB picture: handles as discs, targets as rings, a line between them."""
    picture, shown, at = sheet(side), layout.visible(), middles(side)
    for number, start, end in zip(shown.ids, shown.handles.tolist(), shown.targets.tolist(), strict=True):
        dx, dy = at[None, :] - start[0], at[:, None] - start[1]
        way = np.array(end) - np.array(start)
        along = np.clip((dx * way[0] + dy * way[1]) / max(float(way @ way), 1e-12), 0, 1)
        line = np.hypot(dx - along * way[0], dy - along * way[1]) < 0.006
        disc = np.hypot(dx, dy) < 0.02
        ring = np.abs(np.hypot(at[None, :] - end[0], at[:, None] - end[1]) - 0.025) < 0.006
        blend(picture, (line | disc | ring).astype(np.float32), number)
    return finish(picture)
