"""Overlay of labelled boxes: rectangles with their number and label, later ones over earlier ones."""

from __future__ import annotations

import numpy as np
from PIL import Image

from spatial_edit.layouts.boxes import Boxes
from spatial_edit.layouts.overlay_frame import blend, document, finish, group, middles, sheet, strokes


def to_svg(layout: Boxes, side: int = 512) -> str:
    """An SVG document: every visible box with its number; its label is a tooltip."""
    shown = layout.visible()
    parts = []
    for k, (left, top, right, bottom) in enumerate((shown.corners().detach() * side).tolist()):
        shape = (
            f'<rect x="{left:.2f}" y="{top:.2f}" width="{right - left:.2f}" height="{bottom - top:.2f}" '
            f"{strokes(shown.ids[k], side, shown.locked[k])}/>"
        )
        x, y = (left + right) / 2, (top + bottom) / 2
        parts.append(group(shown.ids[k], shown.labels[k], shape, x, y, side))
    return document(side, f"{len(shown)} boxes", parts)


def to_map(layout: Boxes, side: int = 256) -> Image.Image:
    """An RGB picture of the visible boxes in their colours."""
    picture, shown, at = sheet(side), layout.visible(), middles(side)
    for number, (left, top, right, bottom) in zip(shown.ids, shown.corners().tolist(), strict=True):
        across = (at >= left) & (at <= right)
        down = (at >= top) & (at <= bottom)
        blend(picture, (down[:, None] & across[None, :]).astype(np.float32), number)
    return finish(picture)
