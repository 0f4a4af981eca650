"""SpatialGAN on cats, and the plain StyleGAN2 beside it: where the parts of an aligned face lie, and all
rates (`framed_set`, `cats`, `cats_adversarial`)."""

from __future__ import annotations

from dataclasses import dataclass

from spatial_edit.data.framing import FrameRecipe
from spatial_edit.generators.spatialgan.network import SpatialConfig
from spatial_edit.generators.spatialgan.prior import Framed
from spatial_edit.generators.stylegan2 import StyleGAN2Config
from spatial_edit.train.adversarial import AdversaryRecipe

FACE = ((0.495, 0.52),)
EYES = ((0.355, 0.5), (0.635, 0.5))
PARTS = ((0.22, 0.2), (0.78, 0.2), (0.495, 0.7), (0.495, 0.9))  # ears, nose, chest
POINTS = (FACE, EYES, PARTS)
SIGMAS = (0.25, 0.07, 0.09)  # at zoom 1
DISCRIMINATOR = ((4, 96), (8, 96), (16, 64), (32, 48), (64, 24))
MATCHED = (4, 8, 16, 32)  # sides of D's features
COUNT = 2 * sum(len(level) for level in POINTS)


@dataclass(frozen=True)
class CatsRecipe:
    """Both stages of both models. `spatial` None: the baseline."""

    spatial: SpatialConfig | None = SpatialConfig(
        z_dim=64, slopes=True, points=COUNT, prior=Framed(POINTS, SIGMAS)
    )
    plain: StyleGAN2Config = StyleGAN2Config(z_dim=64, w_dim=128, mapping_layers=4)
    adversary: AdversaryRecipe = AdversaryRecipe(channels=DISCRIMINATOR, burn_in=20_000, learning_rate=2e-3)
    frames: FrameRecipe = FrameRecipe()
    push: float = 0.02  # standard deviation of the offsets, fractions of the photo's side
    views: int = 5  # frames of every photo
    batch: int = 8
    growth: tuple[tuple[int, float], ...] = ((32, 0.4),)  # smaller sides, and until when
    learning_rate: float = 1e-2
    adversarial_rate: float = 3e-3
    final_rate: float = 0.1
    mapping_rate: float = 30.0  # of stage 1, beside the slow rate that the mapping has of itself
    l1: float = 6.0
    perceptual: float = 0.0  # of the second stage
    z_noise: float = 0.1
    align: float = 0.05
    weight: float = 0.2  # of the adversarial loss
    matching: float = 2.0  # of D's features on repaintings
    repainting: float = 0.5  # of stage 1's loss beside it
    half_precision: bool = True
    seed: int = 0

    @property
    def resolution(self) -> int:
        return (self.spatial or self.plain).resolution

    @property
    def z_dim(self) -> int:
        return (self.spatial or self.plain).z_dim
