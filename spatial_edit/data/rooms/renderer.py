"""Renderer: batched analytic ray casting of rooms in plain torch, on any device.

A few rooms are drawn at a time: on a CPU so few that their rays stay in the cache. Primitives that none of
them has are left out, which changes no pixel.
"""

from __future__ import annotations

import torch
from torch import Tensor

from spatial_edit.data.rooms.paint import paint
from spatial_edit.data.rooms.picture import Render
from spatial_edit.data.rooms.primitives import Hits, cast_rays, intersect
from spatial_edit.data.rooms.rooms import Rooms
from spatial_edit.data.rooms.shading import shade, tone_map
from spatial_edit.data.rooms.surface import Surface, describe
from spatial_edit.data.rooms.vocabulary import FIELD, INSTANCE

MAX_RESOLUTION, MAX_SAMPLES = 1024, 8
RAYS_AT_ONCE = {"cpu": 4 * 128 * 128}  # four rooms of 64 px with 2 × 2 samples
RAYS_AT_ONCE_ELSEWHERE = 128 * 128 * 128
LABELS = ("first", "majority")


@torch.no_grad()
def render(
    rooms: Rooms, resolution: int = 64, samples: int = 2, shadows: bool = True, occlusion: bool = True,
    amodal: bool = False, labels: str = "first",
) -> Render:  # fmt: skip
    """Pictures of side `resolution` with samples × samples rays a pixel; see `Render` for what comes back.

    `shadows` and `occlusion` switch off the soft shadows of the key light and the ambient occlusion. `labels`
    is "first" or "majority", explained in `spatial_edit.data.rooms.picture`. ValueError for a size, number or
    name out of range.
    """
    if not 1 <= resolution <= MAX_RESOLUTION:
        raise ValueError(f"the resolution is {resolution}; use 1 to {MAX_RESOLUTION} pixels")
    if not 1 <= samples <= MAX_SAMPLES:
        raise ValueError(f"{samples} samples were asked for; use 1 to {MAX_SAMPLES} a side of the pixel")
    if labels not in LABELS:
        raise ValueError(f"there is no label mode {labels!r}; use one of {', '.join(LABELS)}")
    at_once = RAYS_AT_ONCE.get(rooms.table.device.type, RAYS_AT_ONCE_ELSEWHERE)
    step = max(1, at_once // (resolution * samples) ** 2)
    parts = [
        _render(rooms[start : start + step], resolution, samples, shadows, occlusion, amodal, labels)
        for start in range(0, len(rooms), step)
    ]
    columns = {
        name: [getattr(part, name) for part in parts] for name in ("rgb", "semantic", "instance", "depth")
    }
    if amodal:
        columns |= {name: [getattr(part, name) for part in parts] for name in ("amodal", "distance")}
    return Render(**{name: torch.cat(values) for name, values in columns.items()})


def _render(
    rooms: Rooms, resolution: int, samples: int, shadows: bool, occlusion: bool, amodal: bool, labels: str
) -> Render:
    present = rooms.present().any(0).tolist()
    slots = [slot for slot, there in enumerate(present) if there]
    rays = cast_rays(rooms, resolution, samples)
    hits = intersect(rays, rooms, slots, amodal)

    surface = describe(rooms, rays, hits)
    albedo, coat = paint(surface, set(rooms.table[:, :, FIELD["tex"]].int().unique().tolist()))

    casting = [slot for slot in slots if rooms.occluders[slot]]
    light = shade(rooms, rays, surface, albedo, coat, casting, samples, shadows, occlusion)
    # tone mapped before averaging (nicer edges), gamma after it
    shape = (len(rooms), 3, samples * samples, resolution, resolution)
    rgb = tone_map(light).view(shape).mean(2).clamp(0, 1) ** (1 / 2.2)

    semantic, instance, depth = _labels(surface, hits, resolution, samples, labels)
    return Render(
        (rgb * 255 + 0.5).to(torch.uint8), semantic, instance, depth, _cover(hits, resolution, samples),
        hits.nearest,
    )  # fmt: skip


def _labels(
    surface: Surface, hits: Hits, resolution: int, samples: int, labels: str
) -> tuple[Tensor, Tensor, Tensor]:
    """Semantic and instance ids (B, S, S) uint8 and depth (B, S, S) of the sub-sample that speaks for each
    pixel."""
    shape = (len(hits.depth), samples * samples, resolution, resolution)
    semantic, instance, depth = (a.view(shape) for a in (surface["sem"], surface["inst"], hits.depth))
    if labels == "majority":
        agree = (instance[:, :, None] == instance[:, None]).sum(
            1
        )  # (B, samples², S, S) how many share this label
        speaker = agree.argmax(1, keepdim=True)  # the first of the most frequent
        semantic, instance, depth = (a.gather(1, speaker) for a in (semantic, instance, depth))
    return semantic[:, 0].to(torch.uint8), instance[:, 0].to(torch.uint8), depth[:, 0]


def _cover(hits: Hits, resolution: int, samples: int) -> Tensor | None:
    """(B, 31, S, S) share of every pixel's rays that meet each instance."""
    if hits.covered is None:
        return None
    shape = (len(hits.depth), len(INSTANCE), samples * samples, resolution, resolution)
    return hits.covered.view(shape).float().mean(2)
