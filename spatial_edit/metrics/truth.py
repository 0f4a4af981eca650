"""Ground truth as scenes: a rendered room's true blobs, with the appearance that the model's own encoder
reads under them. Metrics use them to take the sampler of layouts out of a measure; training starts from
them."""

from __future__ import annotations

import torch
from torch import Tensor

from spatial_edit.data.rooms.blob_truth import BlobTruth
from spatial_edit.data.rooms.pool import render_truth
from spatial_edit.data.rooms.sampler import sample_rooms
from spatial_edit.generators.blobgan import BlobGenerator
from spatial_edit.generators.blobgan.compact import CompactConfig
from spatial_edit.generators.blobgan.encoder import CodeEncoder
from spatial_edit.generators.blobgan.rooms import depth_sorted
from spatial_edit.generators.blobgan.shape import PROFILE, splat
from spatial_edit.generators.blobgan.vector import SlotScene
from spatial_edit.layouts import Scene

TRUTH_SEED = 4_100_000
BATCH = 32


@torch.no_grad()
def truth_scenes(generator: BlobGenerator, count: int = 500, seed: int = 0) -> list[Scene]:
    """`count` scenes of rooms that no training pool holds; the scene's seed is the room's number."""
    rooms = sample_rooms(count, TRUTH_SEED + seed)
    scenes = []
    for start in range(0, count, BATCH):
        drawn = render_truth(rooms[start : start + BATCH], generator.spec.resolution)
        images = drawn.pictures.float() / 127.5 - 1
        whole = encode_truth(generator.model.codes, images, drawn.truth)
        scenes += [generator.scene_of(whole, i, start + i, 0.0) for i in range(len(images))]
    return scenes


def slot_scene(truth: BlobTruth, config: CompactConfig) -> SlotScene:
    """Ground truth as a slot scene, codes still empty. ValueError when the model has other slots."""
    if truth.exists.shape[1] != config.slots:
        raise ValueError(
            f"rooms have {truth.exists.shape[1]} kinds of blobs, the model has {config.slots}: "
            "its layouts cannot be compared with the truth"
        )
    device = truth.exists.device
    rows = torch.zeros(*truth.exists.shape, config.row, device=device)
    rows[..., :PROFILE] = truth.profiles
    rows[..., PROFILE : PROFILE + 3] = truth.colours
    background = torch.zeros(len(truth.exists), config.background, device=device)
    background[:, :15] = truth.planes.flatten(1)
    return SlotScene(
        truth.exists,
        truth.centres,
        truth.sizes,
        truth.aspects,
        truth.angles,
        truth.distances,
        rows,
        background,
    )


@torch.no_grad()
def encode_truth(
    codes: CodeEncoder, pictures: Tensor, truth: BlobTruth, dtype: torch.dtype = torch.float32
) -> SlotScene:
    """Ground-truth layouts with the encoder's colours and codes, on the encoder's device."""
    device = next(codes.parameters()).device
    pictures, truth = pictures.to(device), truth.to(device)
    scene = slot_scene(truth, codes.config)
    geometry, slots = depth_sorted(scene)
    rows, background = codes(pictures, geometry, slots, splat(geometry, codes.config.resolution), dtype)
    full = scene.rows.scatter(1, slots[..., None].expand_as(rows), rows)
    return scene._replace(rows=full, background=background)
