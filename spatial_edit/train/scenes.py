"""Ground truth as the rooms model's own scenes, and small things that the recipes share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from spatial_edit.data.rooms.blob_truth import BlobTruth
from spatial_edit.data.rooms.pool import Pool, cached_pool
from spatial_edit.generators.blobgan.compact import CompactConfig
from spatial_edit.generators.blobgan.encoder import CodeEncoder
from spatial_edit.generators.blobgan.rooms import depth_sorted
from spatial_edit.generators.blobgan.shape import PROFILE, splat
from spatial_edit.generators.blobgan.vector import SlotScene
from spatial_edit.train.parallel import accelerator, device_of, is_main

HELD_OUT = 256  # pictures at the front of a pool that are never trained on


def held_out(pool_size: int) -> int:
    """How many pictures of a pool are kept for validation."""
    return min(HELD_OUT, pool_size // 4)


def team_pool(
    folder: Path, count: int, seed: int, resolution: int, say: Callable[[str], None] | None = None
) -> Pool:
    """The pool of a run: the main process renders it, the others wait and read it."""
    with accelerator().main_process_first():
        return cached_pool(folder, count, seed, resolution, say if is_main() else None)


def as_float(pictures: Tensor) -> Tensor:
    """uint8 to [-1, 1]."""
    return pictures.float() / 127.5 - 1


def truth_to(truth: BlobTruth, device: torch.device) -> BlobTruth:
    """The same truth on another device."""
    return BlobTruth(**{name: tensor.to(device) for name, tensor in vars(truth).items()})


def slot_scene(truth: BlobTruth, config: CompactConfig) -> SlotScene:
    """Ground truth as a slot scene, codes still empty."""
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
def encode_truth(codes: CodeEncoder, pictures: Tensor, truth: BlobTruth, dtype: torch.dtype) -> SlotScene:
    """Ground-truth layouts with the encoder's colours and codes, on the encoder's device."""
    pictures, truth = pictures.to(device_of(codes)), truth_to(truth, device_of(codes))
    scene = slot_scene(truth, codes.config)
    geometry, slots = depth_sorted(scene)
    rows, background = codes(pictures, geometry, slots, splat(geometry, codes.config.resolution), dtype)
    full = scene.rows.scatter(1, slots[..., None].expand_as(rows), rows)
    return scene._replace(rows=full, background=background)


def contact_sheet(pictures: Tensor, columns: int, enlarge: int = 1) -> Tensor:
    """(3, H, W) from pictures (N, 3, h, w), row by row."""
    if enlarge > 1:
        pictures = nn.functional.interpolate(pictures, scale_factor=enlarge, mode="bicubic")
    rows = (len(pictures) + columns - 1) // columns
    missing = rows * columns - len(pictures)
    pictures = torch.cat([pictures, pictures.new_full((missing, *pictures.shape[1:]), -1.0)])
    _, channels, height, width = pictures.shape
    grid = pictures.view(rows, columns, channels, height, width).permute(2, 0, 3, 1, 4)
    return grid.reshape(channels, rows * height, columns * width)
