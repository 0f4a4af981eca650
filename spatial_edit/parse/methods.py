"""Which functions parse with which generator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from spatial_edit.generators.blobgan.published_scenes import PublishedScenes
from spatial_edit.generators.blobgan.renderer import BlobGenerator
from spatial_edit.generators.box3d.renderer import Box3DGenerator
from spatial_edit.generators.contract import Generator
from spatial_edit.generators.spatialgan.scenes import SpatialGANScenes
from spatial_edit.generators.stylegan2_renderer import StyleGAN2Scenes
from spatial_edit.layouts import Scene
from spatial_edit.parse.box3d_encode import encode_room
from spatial_edit.parse.box3d_refine import refine_room
from spatial_edit.parse.box3d_tune import tune_room
from spatial_edit.parse.encode import encode_target
from spatial_edit.parse.published import encode_blobs, first_blobs, refine_blobs, tune_blobs
from spatial_edit.parse.refine import Refined, refine
from spatial_edit.parse.spatialgan import read_photo, refine_heat, tune_heat
from spatial_edit.parse.stylegan2 import first_code, project, tune_code
from spatial_edit.parse.tune import Tuned, tune

Encode = Callable[..., Scene]  # (generator, target, sha256 of the photo)
Refine = Callable[..., Refined]  # (generator, scene, target, *, seconds, steps, progress, keep_going)
Tune = Callable[..., Tuned]  # the same


@dataclass(frozen=True)
class Methods:
    """The three steps of parsing with one class of generators. start: the scene that refine begins with where
    that may be another than encode's."""

    generator: type
    encode: Encode
    refine: Refine
    tune: Tune
    start: Encode | None = None


METHODS = (
    Methods(BlobGenerator, encode_target, refine, tune),
    Methods(Box3DGenerator, encode_room, refine_room, tune_room),
    Methods(StyleGAN2Scenes, first_code, project, tune_code),
    Methods(SpatialGANScenes, read_photo, refine_heat, tune_heat),
    Methods(PublishedScenes, encode_blobs, refine_blobs, tune_blobs, first_blobs),
)


def methods_of(generator: Generator) -> Methods:
    """How photos are parsed with this model; ValueError for one that cannot."""
    for methods in METHODS:
        if isinstance(generator, methods.generator):
            return methods
    raise ValueError(f"photos cannot be parsed with the model '{generator.spec.name}': choose another one")
