"""A whole scene as one vector: what the layout network produces and the published raw vector corresponds to.

For every slot [presence, x, y, log size, stretch cos 2a, stretch sin 2a, log distance, log profile 16, colour
3, code], then the background [planes 15, surface colours 15, code]. Stretch = log aspect; with the angle a in
(-pi/4, pi/4] the pair (aspect, a) and the two stretch numbers determine each other. Presence is +1 or -1.
Entries of absent slots mean nothing: `pack` says so in its mask."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from spatial_edit.generators.blobgan.compact import CompactConfig
from spatial_edit.generators.blobgan.shape import PROFILE

GEOMETRY = 7  # presence, x, y, log size, two of the stretch, log distance


class SlotScene(NamedTuple):
    """B scenes over all S slots."""

    present: Tensor  # (B, S) bool
    centres: Tensor  # (B, S, 2)
    sizes: Tensor  # (B, S)
    aspects: Tensor  # (B, S)
    angles: Tensor  # (B, S)
    distances: Tensor  # (B, S) metres, larger is farther
    rows: Tensor  # (B, S, row)
    background: Tensor  # (B, background)


def slot_width(config: CompactConfig) -> int:
    """Numbers a slot has in the vector."""
    return GEOMETRY + config.row


def vector_length(config: CompactConfig) -> int:
    """Length of a scene vector."""
    return config.slots * slot_width(config) + config.background


def pack(scene: SlotScene) -> tuple[Tensor, Tensor]:
    """vectors (B, V) and their mask (B, V): 1 where the entry means something."""
    stretch = scene.aspects.log()
    sign = scene.present.float() * 2 - 1
    rows = torch.cat([scene.rows[..., :PROFILE].clamp(min=0.05).log(), scene.rows[..., PROFILE:]], -1)
    geometry = [
        sign,
        scene.centres[..., 0],
        scene.centres[..., 1],
        scene.sizes.log(),
        stretch * (2 * scene.angles).cos(),
        stretch * (2 * scene.angles).sin(),
        scene.distances.clamp(min=0.2, max=20.0).log(),
    ]
    slots = torch.cat([torch.stack(geometry, -1), rows], -1)
    mask = scene.present.float()[..., None].expand_as(slots).clone()
    mask[..., 0] = 1
    return (
        torch.cat([slots.flatten(1), scene.background], 1),
        torch.cat([mask.flatten(1), torch.ones_like(scene.background)], 1),
    )


def unpack(vectors: Tensor, config: CompactConfig) -> SlotScene:
    """The inverse of `pack`, with every number brought into its range."""
    split = config.slots * slot_width(config)
    slots = vectors[:, :split].unflatten(1, (config.slots, slot_width(config)))
    angles, aspects = angle_and_aspect(slots[..., 4], slots[..., 5])
    rows = slots[..., GEOMETRY:]
    profile = rows[..., :PROFILE].clamp(-1.2, 0.7).exp()
    colour = rows[..., PROFILE : PROFILE + 3].clamp(-1, 1)
    return SlotScene(
        slots[..., 0] > 0,
        slots[..., 1:3].clamp(-0.2, 1.2),
        slots[..., 3].clamp(math.log(0.01), math.log(1.0)).exp(),
        aspects.clamp(0.1, 10.0),
        angles,
        slots[..., 6].clamp(-1.6, 3.0).exp(),
        torch.cat([profile, colour, rows[..., PROFILE + 3 :]], -1),
        vectors[:, split:],
    )


def angle_and_aspect(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Angle in (-pi/4, pi/4] and aspect from log aspect * (cos 2a, sin 2a)."""
    size = (first.square() + second.square() + 1e-12).sqrt()
    angle = torch.atan2(second, first) / 2  # of the longer axis, (-pi/2, pi/2]
    steep = angle.abs() > math.pi / 4
    angle = torch.where(steep, angle - angle.sign() * (math.pi / 2), angle)
    # a nearly round blob has no axis: its angle fades to 0, as in the ground truth
    fade = ((size - 0.05) / 0.3).clamp(0, 1)
    angle = angle * fade * fade * (3 - 2 * fade)
    return angle, torch.where(steep, -size, size).exp()
