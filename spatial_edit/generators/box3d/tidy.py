"""Tidy: sampled furniture put together properly.

A sampler's parts are a few centimetres off as well: a duvet hangs in the air, one leg of a chair is longer.
What every bed, chair and lamp of the training rooms has in common is made exact here: parts fill their box, a
duvet lies on its mattress, legs stand in pairs. Rows of real furniture stay as they are."""

from __future__ import annotations

import torch
from torch import Tensor

from spatial_edit.generators.box3d.parts import EXTENT, FURNITURE, MAX_PARTS, PART_WIDTH, PLACE, BoxBatch
from spatial_edit.generators.box3d.vector import SLOT_CLASSES

OVER_MATTRESS = {2: 0.05, 3: 0.065}  # metres that the tops of duvet and throw lie over the mattress's
UNDER_FRAME = 0.06  # metres between floor and bed frame
FRAME, MATTRESS = 0, 1
SEAT, BACK, SIDES = 0, 1, (2, 3)
UP = 1  # of lateral, up, forward
STACKED = ("lamp", "floor lamp")  # a shade on a pole


@torch.no_grad()
def tidy(batch: BoxBatch) -> BoxBatch:
    """The rooms (with all 26 slots) with their furniture's parts put right."""
    parts = batch.rows.unflatten(-1, (MAX_PARTS, PART_WIDTH)).clone()
    for slot, name in enumerate(SLOT_CLASSES):
        if len(FURNITURE[name].parts) == 1:
            continue
        there = parts[:, slot, :, 0] > 0.5  # (B, 5)
        low = parts[:, slot, :, PLACE] - parts[:, slot, :, EXTENT]
        high = parts[:, slot, :, PLACE] + parts[:, slot, :, EXTENT]
        if name == "chair":
            low, high = _pairs(low, high)
        elif name in STACKED:
            low, high = _stack(low, high)
        if name == "bed":
            low, high = _bed(low, high, batch.halves[:, slot, UP])
        low, high = _fill(low, high, there)
        parts[:, slot, :, PLACE] = torch.where(there[..., None], (low + high) / 2, 0.0)
        parts[:, slot, :, EXTENT] = torch.where(there[..., None], (high - low) / 2, 0.0)
    return batch._replace(rows=parts.flatten(-2))


def _fill(low: Tensor, high: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
    """(B, 5, 3) the parts stretched so that together they reach exactly from -1 to 1."""
    bottom = torch.where(there[..., None], low, torch.inf).amin(1, keepdim=True)
    top = torch.where(there[..., None], high, -torch.inf).amax(1, keepdim=True)
    span = (top - bottom).clamp(min=1e-3)
    fits = torch.isfinite(span) & (((bottom + 1).abs() > 1e-4) | ((top - 1).abs() > 1e-4))
    scale = torch.where(fits, 2 / span, 1.0)
    shift = torch.where(fits, -1 - bottom * scale, 0.0)
    return low * scale + shift, high * scale + shift


def _bed(low: Tensor, high: Tensor, half: Tensor) -> tuple[Tensor, Tensor]:
    """Frame on its feet, mattress on the frame, duvet and throw on the mattress; `half` (B,) metres."""
    low, high = low.clone(), high.clone()
    low[:, FRAME, UP] = -1 + UNDER_FRAME / half
    joint = torch.maximum((high[:, FRAME, UP] + low[:, MATTRESS, UP]) / 2, low[:, FRAME, UP] + 0.05)
    top = torch.maximum(high[:, MATTRESS, UP], joint + 0.05)
    high[:, FRAME, UP], low[:, MATTRESS, UP], high[:, MATTRESS, UP] = joint, joint, top
    for part, over in OVER_MATTRESS.items():
        thick = high[:, part, UP] - low[:, part, UP]
        high[:, part, UP] = top + over / half
        low[:, part, UP] = (high[:, part, UP] - thick).clamp(min=-1)
    return low, high


def _pairs(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """The two sides of a chair mirror each other, across it or along it, and stand on the floor."""
    low, high = low.clone(), high.clone()
    first, second = SIDES
    place = (low[:, SIDES] + high[:, SIDES]) / 2
    size = ((high[:, SIDES] - low[:, SIDES]) / 2).mean(1)
    apart = (place[:, 0] - place[:, 1]) / 2  # (B, 3)
    across = apart[:, 0].abs() >= apart[:, 2].abs()
    apart = apart * torch.stack([across, torch.zeros_like(across), ~across], 1)
    middle = torch.stack([torch.zeros_like(across), torch.ones_like(across), torch.zeros_like(across)], 1)
    height = place.mean(1) * middle
    for part, sign in ((first, 1.0), (second, -1.0)):
        low[:, part], high[:, part] = height + sign * apart - size, height + sign * apart + size
        high[:, part, UP] -= low[:, part, UP] + 1
        low[:, part, UP] = -1.0
    return low, high


def _stack(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """A shade that sits on its pole, both on one axis."""
    low, high = low.clone(), high.clone()
    for axis in (0, 2):
        size = (high[:, :2, axis] - low[:, :2, axis]) / 2
        low[:, :2, axis], high[:, :2, axis] = -size, size
    return low, high
