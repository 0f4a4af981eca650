"""BlobGAN: the published networks, and the small model that is bundled."""

from spatial_edit.generators.blobgan.renderer import BlobGenerator

__all__ = ["BlobGenerator"]
