"""Masks: where elements of a layout of boxes are in the picture, by ray casting alone.

Footprints are of the element with what comes along with it, alone in its room: as if nothing stood before
it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from spatial_edit.generators.box3d.parts import expand
from spatial_edit.generators.box3d.rays import SHELL, cast
from spatial_edit.generators.box3d.renderer import Box3DGenerator
from spatial_edit.layouts import Boxes3D, Scene
from spatial_edit.layouts.furniture import boxes_of, riders
from spatial_edit.metrics.locality import OPAQUE, dilate

SAMPLES = 2  # sub-pixels a side of a pixel


@torch.no_grad()
def owners(generator: Box3DGenerator, scene: Scene, side: int) -> Tensor:
    """(side, side, SAMPLES²) int64: the position of the element that each sub-pixel sees among the visible
    ones, or -1 for the room's surfaces."""
    batch = generator.batch_of([scene])
    parts = expand(batch)
    labels = cast(batch.room[0], batch.camera[0], parts, side, SAMPLES).labels
    owner = torch.cat([torch.full((SHELL,), -1), parts.owner[0].cpu()])[labels.cpu()]
    return owner.view(side, SAMPLES, side, SAMPLES).permute(0, 2, 1, 3).flatten(2)


def share(owner: Tensor, elements: Sequence[int]) -> Tensor:
    """(side, side) in 0..1: the share of each pixel of `owners` that these elements cover."""
    return torch.isin(owner, torch.tensor(list(elements))).float().mean(-1)


def footprint(generator: Box3DGenerator, scene: Scene, elements: Sequence[int], side: int) -> Tensor:
    """(side, side) bool: where these elements of a scene without hidden ones cover more than a tenth of a
    pixel when the room holds nothing else."""
    alone = _only(scene, sorted(elements))
    return share(owners(generator, alone, side), range(len(elements))) > OPAQUE


def outside_both(
    generator: Box3DGenerator, old: Scene, new: Scene, elements: Sequence[int], side: int
) -> Tensor:
    """(side, side) bool: outside both footprints, dilated by 2 pixels."""
    union = footprint(generator, old, elements, side) | footprint(generator, new, elements, side)
    return ~dilate(union[None])[0]


def group_of(layout: Boxes3D, index: int) -> list[int]:
    """An element and what it carries."""
    return [index, *riders(layout, index, boxes_of(layout))]


def _only(scene: Scene, elements: list[int]) -> Scene:
    assert isinstance(scene.layout, Boxes3D)
    return replace(scene, layout=scene.layout.select(elements))
