"""Contact sheet: many rooms at a glance, for the eye that checks a data set.

Rows of eight rooms; each row is three strips: the picture, its instances in false colours, and its depth
(near is bright).
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from spatial_edit.data.rooms.draws import hsv
from spatial_edit.data.rooms.renderer import render
from spatial_edit.data.rooms.sampler import sample_rooms
from spatial_edit.data.rooms.vocabulary import INSTANCE

COLUMNS = 8
MAX_ROOMS, MAX_SIDE = 1024, 256
FARTHEST = 6.0  # metres, drawn black


def contact_sheet(count: int = 64, seed: int = 0, resolution: int = 64) -> Image.Image:
    """The first `count` rooms of `seed` as one RGB picture. ValueError for a count, seed or resolution out of
    range.
    """
    if not 1 <= count <= MAX_ROOMS:
        raise ValueError(f"a sheet of {count} rooms was asked for; ask for 1 to {MAX_ROOMS}")
    if not 16 <= resolution <= MAX_SIDE:
        raise ValueError(f"the resolution is {resolution}; a sheet takes 16 to {MAX_SIDE} pixels a room")
    drawn = render(sample_rooms(count, seed), resolution)
    instances = _false_colours()[drawn.instance.long()].permute(0, 3, 1, 2)
    near = (255 * (1 - drawn.depth / FARTHEST).clamp(0, 1)).to(torch.uint8)
    strips = (drawn.rgb, instances, near[:, None].expand(-1, 3, -1, -1))
    return Image.fromarray(_tile(torch.stack(strips, 1)).numpy())


def draw_sheet(count: int, seed: int, out: str | Path, resolution: int = 64) -> Path:
    """Writes a contact sheet as PNG to `out`, whole or not at all, and returns its path.

    ValueError as `contact_sheet`, and for a name that does not end in .png or a folder that does not exist;
    OSError when the disk refuses.
    """
    path = Path(out)
    if path.suffix.lower() != ".png":
        raise ValueError(f"the sheet is a PNG; give a file name that ends in .png instead of {path.name!r}")
    if not path.parent.is_dir():
        raise ValueError(f"there is no folder {str(path.parent)!r}; make it first or choose another")
    sheet = contact_sheet(count, seed, resolution)
    handle, unfinished = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=".png")
    try:
        with os.fdopen(handle, "wb") as file:
            sheet.save(file, format="PNG")
        os.chmod(unfinished, 0o644)
        os.replace(unfinished, path)
    finally:
        Path(unfinished).unlink(missing_ok=True)
    return path


def _false_colours() -> Tensor:
    """(31, 3) uint8 well separated colours: hues by the golden ratio, in two saturations and values."""
    number = torch.arange(len(INSTANCE), dtype=torch.float32)
    saturation, value = 0.45 + 0.4 * (number % 2), 0.95 - 0.25 * (number % 3 == 2).float()
    return (hsv(number * 0.618034, saturation, value) * 255).to(torch.uint8)


def _tile(strips: Tensor) -> Tensor:
    """(B, 3 strips, 3 channels, S, S) → (height, width, 3) rows of `COLUMNS` rooms, the unused places
    black.
    """
    columns = min(COLUMNS, len(strips))
    missing = -len(strips) % columns
    strips = torch.cat([strips, strips.new_zeros(missing, *strips.shape[1:])])
    grid = strips.unflatten(0, (-1, columns)).permute(
        0, 2, 4, 1, 5, 3
    )  # (rows, strips, S, columns, S, channels)
    return grid.flatten(3, 4).flatten(0, 2).contiguous()
