"""Encode: one forward pass from a picture to a scene (the published inverter's place; see
generators/blobgan/encoder).
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from spatial_edit.generators.blobgan.renderer import BlobGenerator
from spatial_edit.layouts import Scene
from spatial_edit.layouts.scene import Provenance
from spatial_edit.parse.target import Target


@torch.no_grad()
def encode(generator: BlobGenerator, picture: Tensor, sha256: str = "") -> Scene:
    """The scene of a picture (3, R, R) in [-1, 1]; its seed is 0 and its truncation 0, for it came from
    no z.
    """
    slots = generator.model.encode(picture[None].to(generator.device))
    scene = generator.scene_of(slots, 0, 0, 0.0)
    rows, background = scene.latent.rows, scene.latent.background
    if not (torch.isfinite(rows).all() and torch.isfinite(background).all()):
        raise ValueError(
            f"the encoder of '{generator.spec.name}' gave no finite scene: get its weights again"
        )
    return replace(scene, provenance=Provenance("photo", sha256, "encode"))


def encode_target(generator: BlobGenerator, target: Target, sha256: str = "") -> Scene:
    """`encode` of a photo as the model sees it, margins filled."""
    return encode(generator, target.filled, sha256)
