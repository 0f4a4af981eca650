"""Layouts: what the user moves."""

from spatial_edit.layouts.blobs import Blobs
from spatial_edit.layouts.boxes3d import Boxes3D
from spatial_edit.layouts.layout import Layout
from spatial_edit.layouts.scene import Guard, Latent, Palette, Provenance, Scene
from spatial_edit.layouts.style import Colour, Source

__all__ = [
    "Blobs",
    "Boxes3D",
    "Colour",
    "Guard",
    "Latent",
    "Layout",
    "Palette",
    "Provenance",
    "Scene",
    "Source",
]
