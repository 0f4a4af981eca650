"""Segments of a room: which pixels show which element, and how far away it is.

The hand-over to models of painted segments (GANformer2) and the ground for measuring: exact masks from the
same rays that the picture is painted with."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from spatial_edit.generators.box3d.parts import expand
from spatial_edit.generators.box3d.rays import SHELL, cast
from spatial_edit.generators.box3d.renderer import SAMPLES, Box3DGenerator
from spatial_edit.layouts import Boxes3D, Scene


class RoomSegments(NamedTuple):
    """masks (K, R, R) in 0..1: the share of each pixel's sub-pixels that show an element, in layout order,
    zeros for hidden ones; surfaces (5, R, R) the same for floor, ceiling and walls, all of them together 1
    everywhere; depths (K,) metres, the mean over the element's sub-pixels, inf where it is out of sight."""

    masks: Tensor
    surfaces: Tensor
    depths: Tensor


@torch.no_grad()
def segments(generator: Box3DGenerator, scene: Scene, resolution: int) -> RoomSegments:
    """The segments of a scene at any resolution (1 .. 1024). ValueError for a scene of another model."""
    if not 1 <= resolution <= 1024:
        raise ValueError(f"the resolution is {resolution}: use 1 to 1024 pixels")
    batch = generator.batch_of([scene])
    parts = expand(batch)
    hits = cast(batch.room[0], batch.camera[0], parts, resolution, SAMPLES)
    layout = scene.layout
    assert isinstance(layout, Boxes3D)  # batch_of has checked it
    shown = [i for i, hidden in enumerate(layout.hidden) if not hidden]
    owner = torch.cat([torch.arange(SHELL), SHELL + parts.owner[0].cpu()])[hits.labels.cpu()]  # (n, n)

    count = SHELL + len(shown)
    flat = owner.view(resolution, SAMPLES, resolution, SAMPLES).permute(1, 3, 0, 2).flatten(0, 1)
    shares = torch.stack([(flat == k).float().mean(0) for k in range(count)])
    depth = hits.depth.cpu()
    depths = torch.full((len(layout.hidden),), torch.inf)
    masks = torch.zeros(len(layout.hidden), resolution, resolution)
    for position, element in enumerate(shown):
        seen = owner == SHELL + position
        masks[element] = shares[SHELL + position]
        if bool(seen.any()):
            depths[element] = depth[seen].mean()
    return RoomSegments(masks, shares[:SHELL], depths)
