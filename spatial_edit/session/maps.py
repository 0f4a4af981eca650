"""Maps of a scene: how much of each pixel is an element's, and how far away what it shows is.

Of blobs the opacities are the generator's own (BlobGAN's sigmoid of the distance to the ellipse), composited
by depth order; blobs have no metres, so their depth is the place in that order. Of boxes in a room both come
from the rays that the picture is painted with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from spatial_edit.generators.contract import Generator
from spatial_edit.layouts import Blobs, Boxes3D, Scene

if TYPE_CHECKING:
    from spatial_edit.generators.box3d.renderer import Box3DGenerator


@torch.no_grad()
def opacity_map(generator: Generator, scene: Scene, side: int, target: int | None = None) -> Tensor:
    """(side, side) in 0..1: how much of each pixel the element `target` covers, or all of them together;
    what hides a blob is not taken off, what hides a box is. ValueError without such an element or map."""
    layout = scene.layout
    if isinstance(layout, Blobs):
        layers = _opacities(generator, scene, layout, side)
        if target is None:
            return 1 - (1 - layers).prod(0)
        position, shown = layout.index_of(target), layout.visible().ids
        return torch.zeros(side, side) if layout.hidden[position] else layers[shown.index(target)]
    from spatial_edit.generators.box3d.segments import segments

    masks = segments(_room_model(generator, scene, "opacity"), scene, side).masks
    assert isinstance(layout, Boxes3D)  # _room_model has checked it
    return masks.sum(0).clamp(max=1) if target is None else masks[layout.index_of(target)]


@torch.no_grad()
def depth_map(generator: Generator, scene: Scene, side: int) -> Tensor:
    """(side, side): of boxes metres along the camera's axis; of blobs the place in the depth order, 0 behind
    all of them to 1 for the nearest, weighted by what is seen of each. ValueError for a model without."""
    if isinstance(scene.layout, Blobs):
        layers = _opacities(generator, scene, scene.layout, side)
        depth = torch.zeros(side, side)
        for place, layer in enumerate(layers, start=1):
            depth = torch.lerp(depth, torch.full_like(depth, place / len(layers)), layer)
        return depth
    from spatial_edit.generators.box3d.parts import expand
    from spatial_edit.generators.box3d.rays import cast

    batch = _room_model(generator, scene, "depth").batch_of([scene])
    return cast(batch.room[0], batch.camera[0], expand(batch), side, 1).depth.cpu()


def _opacities(generator: Generator, scene: Scene, layout: Blobs, side: int) -> Tensor:
    """(K, side, side) of the visible blobs, farthest first."""
    opacities = getattr(generator, "opacities", None)
    if opacities is None:
        raise ValueError(f"{scene.model} has no opacities to show: choose another model")
    return opacities([scene], side)[0].float() if len(layout.visible()) else torch.zeros(0, side, side)


def _room_model(generator: Generator, scene: Scene, what: str) -> Box3DGenerator:
    from spatial_edit.generators.box3d.renderer import Box3DGenerator

    if not isinstance(generator, Box3DGenerator) or not isinstance(scene.layout, Boxes3D):
        raise ValueError(f"{scene.model} has no {what} map: choose another model")
    return generator
