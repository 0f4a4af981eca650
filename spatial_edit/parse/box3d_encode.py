"""Encode, for rooms of boxes: one pass of the reader (`generators.box3d.reader`), everything brought to its
place, and colours matched to the photo."""

from __future__ import annotations

from dataclasses import replace

import torch

from spatial_edit.generators.box3d.parts import BoxBatch
from spatial_edit.generators.box3d.reader import load_reader
from spatial_edit.generators.box3d.renderer import Box3DGenerator
from spatial_edit.layouts import Scene
from spatial_edit.layouts.scene import Provenance
from spatial_edit.parse.box3d_appearance import match_colours
from spatial_edit.parse.target import Target


@torch.no_grad()
def encode_room(generator: Box3DGenerator, target: Target, sha256: str = "") -> Scene:
    """The scene of a photo: rows 0..25 of its latent are what was read, the model's styles follow. Colours
    that show are then matched to the photo. Its seed and truncation are 0, for it came from no z.
    CheckpointError (a ValueError) without the reader."""
    scene = scene_of_reading(generator, load_reader().read(target.filled[None]), sha256)
    return match_colours(generator, scene, target.to(generator.device))


def scene_of_reading(generator: Box3DGenerator, rooms: BoxBatch, sha256: str = "") -> Scene:
    """The first of the rooms that were read as a scene of this model."""
    rooms = BoxBatch(*(value.to(generator.device) for value in rooms))
    scene = generator.scene_of(rooms, 0, 0, 0.0)
    rows, background = scene.latent.rows, scene.latent.background
    if not (torch.isfinite(rows).all() and torch.isfinite(background).all()):
        raise ValueError("the reader of rooms gave no finite scene: get its weights again")
    return replace(scene, provenance=Provenance("photo", sha256, "encode"))
