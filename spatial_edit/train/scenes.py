"""Small things that the recipes share: pools, held-out pictures, sheets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from spatial_edit.data.rooms.pool import Pool, cached_pool
from spatial_edit.train.parallel import accelerator, is_main

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
