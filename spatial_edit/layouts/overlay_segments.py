"""Overlay of segments: the cells of each in its colour."""

from __future__ import annotations

import numpy as np
from PIL import Image

from spatial_edit.layouts.overlay_frame import blend, document, finish, group, sheet, strokes
from spatial_edit.layouts.segments import Segments, to_runs


def to_svg(layout: Segments, side: int = 512) -> str:
    """An SVG document: every visible segment as one path of its cells, with its number in their middle."""
    shown = layout.visible()
    parts = []
    for k, number in enumerate(shown.ids):
        shape = f'<path d="{outline(shown, k, side)}" {strokes(number, side, shown.locked[k], 0.4)}/>'
        x, y = shown.centre(k)
        parts.append(group(number, shown.labels[k], shape, x * side, y * side, side))
    return document(side, f"{len(shown)} segments", parts)


def outline(layout: Segments, index: int, side: int) -> str:
    """The path of a segment's cells: one rectangle a run within a row."""
    mask, step = layout.cells == layout.ids[index], side / layout.side
    rows = []
    for row in range(layout.side):
        runs = to_runs(mask[row])
        for start, length in zip(runs[::2], runs[1::2], strict=True):
            x, y, width = start * step, row * step, length * step
            rows.append(f"M{x:.2f} {y:.2f}h{width:.2f}v{step:.2f}h{-width:.2f}z")
    return "".join(rows)


def to_map(layout: Segments, side: int = 256) -> Image.Image:
    """An RGB picture of the visible segments in their colours."""
    picture, shown = sheet(side), layout.visible()
    at = np.minimum(np.arange(side) * shown.side // side, shown.side - 1)
    cells = shown.cells.numpy()[at][:, at]  # (side, side)
    for number in shown.ids:
        blend(picture, (cells == number).astype(np.float32), number)
    return finish(picture)
