"""Overlay of blocks: the grid with its numbers. A block's colour is its seed's: equal seeds look alike."""

from __future__ import annotations

import numpy as np
from PIL import Image

from spatial_edit.layouts.blocks import Blocks
from spatial_edit.layouts.overlay_frame import blend, document, finish, group, middles, sheet, strokes


def to_svg(layout: Blocks, side: int = 512) -> str:
    """An SVG document: every block with its number; its seed is a tooltip."""
    parts = []
    for k, seed in enumerate(layout.seeds):
        left, top, width, height = (value * side for value in layout.place(k))
        paint = strokes(seed % 360, side, layout.locked[k], 0.2)
        shape = f'<rect x="{left:.2f}" y="{top:.2f}" width="{width:.2f}" height="{height:.2f}" {paint}/>'
        parts.append(group(layout.ids[k], f"seed {seed}", shape, left + width / 2, top + height / 2, side))
    return document(side, f"{layout.rows} x {layout.columns} blocks", parts)


def to_map(layout: Blocks, side: int = 256) -> Image.Image:
    """An RGB picture of the grid in its seeds' colours."""
    picture, at = sheet(side), middles(side)
    for k, seed in enumerate(layout.seeds):
        left, top, width, height = layout.place(k)
        across, down = (at >= left) & (at < left + width), (at >= top) & (at < top + height)
        blend(picture, (down[:, None] & across[None, :]).astype(np.float32), seed % 360)
    return finish(picture)
