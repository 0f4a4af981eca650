"""Layouts: what the user moves."""

from spatial_edit.layouts.blobs import Blobs
from spatial_edit.layouts.blocks import Blocks
from spatial_edit.layouts.boxes import Boxes
from spatial_edit.layouts.boxes3d import Boxes3D
from spatial_edit.layouts.heatmaps import Heatmaps
from spatial_edit.layouts.layout import Layout
from spatial_edit.layouts.points import Points
from spatial_edit.layouts.scene import Guard, Latent, Palette, Provenance, Scene
from spatial_edit.layouts.segments import Segments
from spatial_edit.layouts.style import Colour, Source

__all__ = [
    "Blobs",
    "Blocks",
    "Boxes",
    "Boxes3D",
    "Colour",
    "Guard",
    "Heatmaps",
    "Latent",
    "Layout",
    "Palette",
    "Points",
    "Provenance",
    "Scene",
    "Segments",
    "Source",
]
