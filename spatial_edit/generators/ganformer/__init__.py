"""GANformer (Hudson and Zitnick 2021): StyleGAN2 with attention to a few latents."""

from spatial_edit.generators.ganformer.config import GANformerConfig
from spatial_edit.generators.ganformer.model import GANformer
from spatial_edit.generators.ganformer.scenes import GANformerScenes, load_ganformer

__all__ = ["GANformer", "GANformerConfig", "GANformerScenes", "load_ganformer"]
