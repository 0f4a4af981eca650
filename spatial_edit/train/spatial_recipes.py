"""The recipes of SpatialGAN and of the baseline beside it, by name: cats, rooms with objects, ablations.

The SpatialGAN and the baseline of a size share photos, frames, discriminator, augmentation, precision, rates
and gamma schedule; their generators have as many parameters as each other within a tenth. For as many images,
set `adversarial.images` (and `supervised.images`) in both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from spatial_edit.generators.spatialgan.network import SpatialConfig
from spatial_edit.generators.spatialgan.prior import Framed
from spatial_edit.generators.stylegan2 import StyleGAN2Config
from spatial_edit.train.adversarial import AdversaryRecipe
from spatial_edit.train.cats_pipeline import CatsPipelineRecipe, Stage, train_cats
from spatial_edit.train.cats_recipe import COUNT, POINTS, SIGMAS, CatsRecipe
from spatial_edit.train.spatial_ablations import ablation_recipes, train_ablation
from spatial_edit.train.spatial_rooms_pipeline import RoomsObjectsPipelineRecipe, train_rooms_objects
from spatial_edit.train.spatialgan_rooms import RoomsObjectsRecipe

TOY_SIDES = {4: 48, 8: 48, 16: 32, 32: 16}
TOY_ADVERSARY = AdversaryRecipe(
    channels=((4, 48), (8, 48), (16, 32), (32, 16)), burn_in=2_000, half_precision=False
)
LARGE_SIDES = {4: 256, 8: 256, 16: 256, 32: 128, 64: 96, 128: 48}
LARGE_ADVERSARY = AdversaryRecipe(
    channels=((4, 256), (8, 256), (16, 192), (32, 128), (64, 64), (128, 32)), burn_in=100_000
)


def spatialgan_cats_S() -> CatsPipelineRecipe:
    """64 px, one's own photos, two CPU cores, 75 minutes. The scores of checkpoints/spatialgan-cats are on
    its card."""
    return CatsPipelineRecipe()


def spatialgan_cats_toy() -> CatsPipelineRecipe:
    """32 px, 256 drawn faces (or one's own photos), under a minute on one CPU core: proves that the loop
    learns and that the heatmap steers, not that cats look good."""
    spatial = SpatialConfig(
        resolution=32,
        channels=TOY_SIDES,
        z_dim=24,
        w_dim=48,
        mapping_layers=2,
        hidden=16,
        slopes=True,
        points=COUNT,
        prior=Framed(POINTS, SIGMAS),
    )
    plain = StyleGAN2Config(
        resolution=32, channels={4: 52, 8: 52, 16: 36, 32: 16}, z_dim=24, w_dim=48, mapping_layers=2
    )
    cats = CatsRecipe(
        spatial=spatial,
        plain=plain,
        adversary=TOY_ADVERSARY,
        batch=16,
        growth=((16, 0.3),),
        learning_rate=1e-2,
        adversarial_rate=2e-3,
        mapping_rate=10.0,
        half_precision=False,
    )
    return CatsPipelineRecipe(
        cats=cats,
        drawn=256,
        perceptual=False,
        supervised=Stage(0.5, 3_200),
        adversarial=Stage(0.3, 800),
        encoder=Stage(0.2, 1_280),
        report_seconds=1e9,
    )


def spatialgan_cats_M() -> CatsPipelineRecipe:
    """128 px, one's own photos, for one H200: 24 minutes in three runs of 8, the later ones with --resume;
    the first is nearly all supervised. It says its speed after a minute and ends with the time. Not yet
    run."""
    spatial = SpatialConfig(
        resolution=128,
        channels=LARGE_SIDES,
        z_dim=128,
        w_dim=256,
        hidden=64,
        slopes=True,
        points=COUNT,
        prior=Framed(POINTS, SIGMAS),
    )
    plain = StyleGAN2Config(resolution=128, channels={**LARGE_SIDES, 32: 160}, z_dim=128, w_dim=256)
    cats = CatsRecipe(
        spatial=spatial,
        plain=plain,
        adversary=LARGE_ADVERSARY,
        batch=64,
        growth=((16, 0.1), (32, 0.3), (64, 0.6)),
    )
    return CatsPipelineRecipe(cats=cats, supervised=Stage(0.85), adversarial=Stage(0.1), encoder=Stage(0.05))


def baseline(recipe: CatsPipelineRecipe) -> CatsPipelineRecipe:
    """The plain StyleGAN2 of a recipe; the encoder's time is not used."""
    return replace(recipe, cats=replace(recipe.cats, spatial=None))


def stylegan2_cats_S() -> CatsPipelineRecipe:
    """The baseline of spatialgan_cats_S; checkpoints/stylegan2-cats."""
    return baseline(spatialgan_cats_S())


def stylegan2_cats_toy() -> CatsPipelineRecipe:
    """The baseline of spatialgan_cats_toy, under a minute."""
    return baseline(spatialgan_cats_toy())


def stylegan2_cats_M() -> CatsPipelineRecipe:
    """The baseline of spatialgan_cats_M. Not yet run."""
    return baseline(spatialgan_cats_M())


def spatialgan_rooms_S() -> RoomsObjectsPipelineRecipe:
    """64 px, 3,072 rooms in layers, two CPU cores, 75 minutes; centres and sizes from ground truth. The
    scores of checkpoints/spatialgan-rooms are on its card."""
    return RoomsObjectsPipelineRecipe()


def spatialgan_rooms_toy() -> RoomsObjectsPipelineRecipe:
    """32 px, 96 rooms, under a minute on one CPU core: proves that the loop learns."""
    base = RoomsObjectsRecipe()
    assert base.spatial is not None
    spatial = replace(
        base.spatial,
        resolution=32,
        channels=TOY_SIDES,
        z_dim=24,
        w_dim=48,
        mapping_layers=2,
        hidden=16,
        object_dim=8,
        encoded=32,
    )
    rooms = replace(
        base,
        spatial=spatial,
        plain=StyleGAN2Config.tiny(),
        adversary=TOY_ADVERSARY,
        rooms=96,
        growth=((16, 0.3),),
        learning_rate=1e-2,
        adversarial_rate=2e-3,
        mapping_rate=10.0,
        half_precision=False,
    )
    return RoomsObjectsPipelineRecipe(
        rooms=rooms,
        perceptual=False,
        supervised=Stage(0.7, 2_400),
        adversarial=Stage(0.3, 480),
        report_seconds=1e9,
    )


def spatialgan_rooms_M() -> RoomsObjectsPipelineRecipe:
    """128 px, 12,288 rooms in layers, for one H200: 24 minutes in three runs of 8, the later ones with
    --resume; rendering the rooms comes first and takes the CPU some minutes. Not yet run."""
    base = RoomsObjectsRecipe()
    assert base.spatial is not None
    spatial = replace(
        base.spatial, resolution=128, channels=LARGE_SIDES, z_dim=128, w_dim=256, hidden=64, encoded=128
    )
    rooms = replace(
        base,
        spatial=spatial,
        adversary=LARGE_ADVERSARY,
        rooms=12_288,
        batch=64,
        growth=((16, 0.1), (32, 0.3), (64, 0.6)),
    )
    return RoomsObjectsPipelineRecipe(rooms=rooms, supervised=Stage(0.9), adversarial=Stage(0.1))


SPATIAL_RECIPES: dict[str, tuple[Callable[[], Any], Callable[..., dict[str, float]]]] = {
    "spatialgan_cats_toy": (spatialgan_cats_toy, train_cats),
    "spatialgan_cats_S": (spatialgan_cats_S, train_cats),
    "spatialgan_cats_M": (spatialgan_cats_M, train_cats),
    "stylegan2_cats_toy": (stylegan2_cats_toy, train_cats),
    "stylegan2_cats_S": (stylegan2_cats_S, train_cats),
    "stylegan2_cats_M": (stylegan2_cats_M, train_cats),
    "spatialgan_rooms_toy": (spatialgan_rooms_toy, train_rooms_objects),
    "spatialgan_rooms_S": (spatialgan_rooms_S, train_rooms_objects),
    "spatialgan_rooms_M": (spatialgan_rooms_M, train_rooms_objects),
    **{name: (make, train_ablation) for name, make in ablation_recipes().items()},
}
