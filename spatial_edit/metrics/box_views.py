"""Views of held-out rooms: the model's pictures of true boxes beside the renderer's, from the room's own
camera and from one that has walked round. Errors on [-1, 1]; PSNR in dB, the mean of the pictures'."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from spatial_edit.generators.box3d.decoder import gather, shade
from spatial_edit.generators.box3d.renderer import Box3DGenerator
from spatial_edit.layouts import Boxes3D, Scene
from spatial_edit.layouts.furniture import boxes_of, room_of
from spatial_edit.metrics.box_rooms import BATCH, TrueRoom, draw_rooms, furnished

ORBIT = math.radians(10)
FREE = 0.1  # metres between the camera and walls or furniture

Figures = dict[str, float | int | str]
Errors = list[tuple[float, float]]


@torch.no_grad()
def measure_views(
    generator: Box3DGenerator,
    rooms: Sequence[TrueRoom],
    orbited: int,
    progress: Callable[[int], None] | None = None,
) -> Figures:
    """`held_out_l1`, `held_out_psnr`, the same of the rough shading alone (`_shading`); and of the first
    `orbited` rooms seen by a camera that went 10 degrees round the room's middle, both ways (`orbit_`), with
    the error of the same rooms before (`orbit_before_`). `progress` is told how many rooms are done."""
    found: dict[str, Errors] = {"held_out": [], "shading": [], "orbit_before": [], "orbit": []}
    side = generator.spec.resolution
    for start in range(0, len(rooms), BATCH):
        chunk = list(rooms[start : start + BATCH])
        scenes = [true.scene for true in chunk]
        real = draw_rooms([true.room for true in chunk], side)
        here = errors(generator.render_batch(scenes), real)
        found["held_out"] += here
        found["shading"] += errors(shading(generator, scenes), real)
        for i, true in enumerate(chunk[: max(0, orbited - start)]):
            views = [view for angle in (-ORBIT, ORBIT) if (view := orbit(_layout(true), angle)) is not None]
            if views:
                drawn = generator.render_batch([replace(true.scene, layout=view) for view in views])
                found["orbit"] += errors(drawn, draw_rooms([furnished(true, view) for view in views], side))
                found["orbit_before"] += [here[i]] * len(views)
        if progress is not None:
            progress(start + len(chunk))
    names = {"held_out": "held_out_{}", "shading": "held_out_{}_shading", "orbit": "orbit_{}"}
    names["orbit_before"] = "orbit_{}_before"
    result: Figures = {"held_out_n": len(found["held_out"]), "orbit_n": len(found["orbit"])}
    for kind, values in found.items():
        for number, measure in enumerate(("l1", "psnr")):
            if values:
                mean = sum(value[number] for value in values) / len(values)
                result[names[kind].format(measure)] = round(mean, 5)
    return result


def errors(drawn: Tensor, real: Tensor) -> Errors:
    """(L1, PSNR) of each picture of a batch."""
    difference = drawn.clamp(-1, 1) - real
    l1 = difference.abs().mean((1, 2, 3))
    squared = (difference / 2).square().mean((1, 2, 3)).clamp(min=1e-10)
    return list(zip(l1.tolist(), (-10 * squared.log10()).tolist(), strict=True))


def shading(generator: Box3DGenerator, scenes: list[Scene]) -> Tensor:
    """(B, 3, R, R) the rough shading that the decoder starts from: Lambert's law on plain colours."""
    batch, parts, maps = generator.inputs(scenes)
    decoder = generator.model.decoder
    _, lit = decoder.part_vectors(batch, parts)
    return shade(batch, gather(lit, maps.labels, decoder.config.resolution), maps.features).cpu()


def orbit(layout: Boxes3D, angle: float) -> Boxes3D | None:
    """The camera turned about the upright axis through the middle of the floor, still looking at the same
    place; None when it would stand in a wall or in furniture."""
    x, y, z, yaw, pitch, fov = layout.camera.tolist()
    width, depth, _ = room_of(layout)
    away = z - depth / 2
    cos, sin = math.cos(angle), math.sin(angle)
    x, z = x * cos - away * sin, depth / 2 + x * sin + away * cos
    if abs(x) > width / 2 - FREE or z > depth - FREE:
        return None
    if any(box.holds(x, y, z, FREE) for box in boxes_of(layout)):
        return None
    return replace(layout, camera=torch.tensor([x, y, z, yaw - angle, pitch, fov]))


def _layout(true: TrueRoom) -> Boxes3D:
    assert isinstance(true.scene.layout, Boxes3D)
    return true.scene.layout
