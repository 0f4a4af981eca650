"""Scenes with ground-truth layouts: a rendered room's true blobs, with the appearance that the model's own
encoder reads under them. They take the sampler of layouts out of a measure, so that only the decoder is
measured."""

from __future__ import annotations

import torch

from spatial_edit.data.rooms.blob_truth import BlobTruth, blob_truth, surface_planes
from spatial_edit.data.rooms.renderer import render
from spatial_edit.data.rooms.sampler import sample_rooms
from spatial_edit.generators.blobgan import BlobGenerator
from spatial_edit.generators.blobgan.rooms import depth_sorted
from spatial_edit.generators.blobgan.shape import splat
from spatial_edit.generators.blobgan.vector import SlotScene
from spatial_edit.layouts import Scene

TRUTH_SEED = 4_100_000
BATCH = 32


@torch.no_grad()
def truth_scenes(generator: BlobGenerator, count: int = 500, seed: int = 0) -> list[Scene]:
    """`count` scenes of rooms that no training pool holds; the scene's seed is the room's number."""
    resolution = generator.spec.resolution
    rooms = sample_rooms(count, TRUTH_SEED + seed)
    planes = surface_planes(
        rooms.width, rooms.depth, rooms.height, rooms.camera, rooms.yaw, rooms.pitch, rooms.fov
    )
    scenes = []
    for start in range(0, count, BATCH):
        chunk = slice(start, start + BATCH)
        drawn = render(rooms[chunk], resolution, amodal=True)
        assert drawn.amodal is not None and drawn.distance is not None
        truth = blob_truth(drawn.rgb, drawn.instance, drawn.amodal, drawn.distance, planes[chunk])

        bare = _slots(generator, truth)
        geometry, slots = depth_sorted(bare)
        maps = splat(geometry, resolution)
        images = drawn.rgb.float() / 127.5 - 1
        rows, background = generator.model.codes(images, geometry, slots, maps)

        full = bare.rows.scatter(1, slots[..., None].expand_as(rows), rows)
        whole = bare._replace(rows=full, background=background)
        scenes += [generator.scene_of(whole, i, start + i, 0.0) for i in range(len(images))]
    return scenes


def _slots(generator: BlobGenerator, truth: BlobTruth) -> SlotScene:
    """The truth as the model's slots, without colours and codes."""
    config = generator.model.config.compact
    if truth.exists.shape[1] != config.slots:
        raise ValueError(
            f"rooms have {truth.exists.shape[1]} kinds of blobs, {generator.spec.name} has {config.slots}: "
            "its layouts cannot be compared with the truth"
        )
    rows = torch.zeros(*truth.exists.shape, config.row)
    rows[..., : truth.profiles.shape[-1]] = truth.profiles
    background = torch.zeros(len(truth.exists), config.background)
    background[:, : truth.planes[0].numel()] = truth.planes.flatten(1)
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
