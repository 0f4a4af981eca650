"""Layouts: what the user moves."""

from spatial_edit.layouts.blobs import Blobs
from spatial_edit.layouts.boxes3d import Boxes3D
from spatial_edit.layouts.layout import Layout
from spatial_edit.layouts.scene import Latent, Provenance, Scene

__all__ = ["Blobs", "Boxes3D", "Latent", "Layout", "Provenance", "Scene"]
