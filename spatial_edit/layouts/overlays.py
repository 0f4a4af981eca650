"""The overlay of any flat layout: as SVG, and as a picture of its parts in their colours."""

from __future__ import annotations

from PIL import Image

from spatial_edit.layouts import (
    overlay,
    overlay_blocks,
    overlay_boxes,
    overlay_heatmaps,
    overlay_points,
    overlay_segments,
)
from spatial_edit.layouts.blobs import Blobs
from spatial_edit.layouts.blocks import Blocks
from spatial_edit.layouts.boxes import Boxes
from spatial_edit.layouts.heatmaps import Heatmaps
from spatial_edit.layouts.layout import Layout
from spatial_edit.layouts.points import Points
from spatial_edit.layouts.segments import Segments


def overlay_svg(layout: Layout, side: int = 512) -> str:
    """An SVG document of the layout; ValueError for a kind that is not flat."""
    match layout:
        case Blobs():
            return overlay.to_svg(layout, side)
        case Heatmaps():
            return overlay_heatmaps.to_svg(layout, side)
        case Boxes():
            return overlay_boxes.to_svg(layout, side)
        case Segments():
            return overlay_segments.to_svg(layout, side)
        case Blocks():
            return overlay_blocks.to_svg(layout, side)
        case Points():
            return overlay_points.to_svg(layout, side)
    raise ValueError(f"a layout of kind {layout.kind!r} has no overlay: choose another model")


def overlay_map(layout: Layout, side: int = 256) -> Image.Image:
    """An RGB picture (side x side) of the layout's parts; ValueError for a kind that is not flat."""
    match layout:
        case Blobs():
            return overlay.to_blob_map(layout, side)
        case Heatmaps():
            return overlay_heatmaps.to_map(layout, side)
        case Boxes():
            return overlay_boxes.to_map(layout, side)
        case Segments():
            return overlay_segments.to_map(layout, side)
        case Blocks():
            return overlay_blocks.to_map(layout, side)
        case Points():
            return overlay_points.to_map(layout, side)
    raise ValueError(f"a layout of kind {layout.kind!r} has no map: choose another model")
