"""The truth about procedural rooms as 3-D boxes: what `Box3D` models learn from and are judged with.

Slot i of a room is instance 5 + i of `data.rooms.vocabulary.INSTANCE`. A box is the union of the instance's
primitives; its appearance row tells the primitives relative to it."""

from __future__ import annotations

import torch
from torch import Tensor

from spatial_edit.data.rooms.rooms import Rooms
from spatial_edit.data.rooms.vocabulary import (
    CENTRE,
    COLOUR,
    FIELD,
    HALF,
    INSTANCE,
    SECOND_COLOUR,
    SHELL,
)
from spatial_edit.generators.box3d.parts import (
    BACKGROUND,
    FLOOR_OF_SHARE,
    FURNITURE,
    MAX_PARTS,
    PART_WIDTH,
    BoxBatch,
    is_main_part,
    to_object_axes,
)
from spatial_edit.layouts.boxes3d import CLASS_ID, FACINGS

SLOTS = INSTANCE[SHELL:]
_OTHER_NAMES = {"decor_a": "television", "decor_b": "vase"}


def class_of_slot(name: str) -> str:
    """The class of `layouts.boxes3d` that an instance has."""
    if name in _OTHER_NAMES:
        return _OTHER_NAMES[name]
    spaced = name.replace("_", " ")
    return spaced if spaced in CLASS_ID else name.rpartition("_")[0]


SLOT_CLASSES = tuple(class_of_slot(name) for name in SLOTS)


def box_truth(rooms: Rooms) -> BoxBatch:
    """(B rooms, 26 slots) boxes, facings, colours, rows, room, camera, surfaces and lights."""
    table, present = rooms.table[:, SHELL:], rooms.present()
    bed = _facing(table[:, 2])  # of the duvet
    columns = [_slot(table, present, rooms, slot, bed) for slot in range(len(SLOTS))]
    exists, facings, centres, halves, colours, rows = (torch.stack(c, 1) for c in zip(*columns, strict=True))
    classes = torch.tensor([CLASS_ID[name] for name in SLOT_CLASSES], device=table.device)
    lights = torch.cat(
        [
            rooms.key_position, rooms.key_extent, rooms.key_normal, rooms.key_colour, rooms.lamp_position,
            rooms.lamp_colour, rooms.ambient, rooms.exposure[:, None],
        ],
        1,
    )  # fmt: skip
    shell = rooms.table[:, :SHELL]
    return BoxBatch(
        torch.stack([rooms.width, rooms.depth, rooms.height], 1),
        torch.cat([rooms.camera, torch.stack([rooms.yaw, rooms.pitch, rooms.fov], 1)], 1),
        shell[..., COLOUR],
        lights,
        _background(shell),
        exists,
        classes.expand(len(table), -1),
        facings,
        centres,
        halves,
        colours,
        rows,
    )


def _background(shell: Tensor) -> Tensor:
    """(B, BACKGROUND) textures of the surfaces; the second colour as a share of the first."""
    share = (shell[..., SECOND_COLOUR] + FLOOR_OF_SHARE) / (shell[..., COLOUR] + FLOOR_OF_SHARE)
    values = [
        shell[..., FIELD["tex"]], share.mean(-1), shell[..., FIELD["tp0"]], shell[..., FIELD["tp1"]],
        shell[..., FIELD["tp2"]], shell[..., FIELD["spec"]],
    ]  # fmt: skip
    background = torch.stack(values, -1).flatten(1)
    assert background.shape[1] == BACKGROUND
    return background


def _facing(row: Tensor) -> Tensor:
    """(B,) the facing whose direction the table row of a primitive names; 0 where it names none."""
    fx, fz = row[:, FIELD["fx"]], row[:, FIELD["fz"]]
    scores = torch.stack([fx * x + fz * z for x, z in FACINGS], -1)
    return torch.where(scores.amax(-1) > 0.5, scores.argmax(-1), 0)


def _slot(
    table: Tensor, present: Tensor, rooms: Rooms, slot: int, bed: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """exists (B,), facing (B,), centre, half, colour (B, 3) and row (B, ROW) of one slot in all rooms."""
    columns = [k for k, instance in enumerate(rooms.instances) if instance == SHELL + slot]
    name = SLOT_CLASSES[slot]
    part, there = table[:, columns], present[:, columns]  # (B, n, F), (B, n)
    low = torch.where(there[..., None], part[..., CENTRE] - part[..., HALF], torch.inf).amin(1)
    high = torch.where(there[..., None], part[..., CENTRE] + part[..., HALF], -torch.inf).amax(1)
    exists = there.any(1)
    centre = torch.where(exists[:, None], (low + high) / 2, 0.0)
    half = torch.where(exists[:, None], (high - low) / 2, 1.0)
    facing = _facing_of(name, part, bed, centre)

    rows = torch.zeros(len(table), MAX_PARTS, PART_WIDTH, device=table.device)
    local = to_object_axes((part[..., CENTRE] - centre[:, None]) / half[:, None], facing[:, None])
    extent = to_object_axes(part[..., HALF] / half[:, None], facing[:, None], signed=False)
    n = len(columns)
    pattern = part[..., [FIELD["tp0"], FIELD["tp1"], FIELD["tp2"]]]
    main = is_main_part(torch.full((len(table),), CLASS_ID[name], device=table.device), there_rows(there, n))
    colour = (part[..., COLOUR] * main[:, :n, None]).sum(1).clamp(0, 1)
    shares, follows = _shares(part[..., COLOUR], colour, name, n)
    second = part[..., SECOND_COLOUR]
    if FURNITURE[name].second_follows:
        second = second / (part[..., COLOUR].clamp(0, 1) + FLOOR_OF_SHARE)
    fields = [
        there.float()[..., None], local, extent, shares, second, part[..., FIELD["tex"], None], pattern,
        part[..., FIELD["emis"], None], follows[..., None],
    ]  # fmt: skip
    rows[:, :n] = torch.cat(fields, -1) * there[..., None]
    return exists, facing, centre, half, torch.where(exists[:, None], colour, 0.0), rows.flatten(1)


def there_rows(there: Tensor, n: int) -> Tensor:
    """(B, MAX_PARTS) float existence of parts."""
    full = torch.zeros(len(there), MAX_PARTS, device=there.device)
    full[:, :n] = there.float()
    return full


def _facing_of(name: str, part: Tensor, bed: Tensor, centre: Tensor) -> Tensor:
    """(B,) a chair looks away from its back; bed and bedding look as the bed does."""
    if name in ("bed", "pillow", "cushion"):
        return bed
    if name == "chair":
        back = part[:, 1, CENTRE] - part[:, 0, CENTRE]
        scores = torch.stack([-back[:, 0] * x - back[:, 2] * z for x, z in FACINGS], -1)
        return scores.argmax(-1)
    return _facing(part[:, 0])


def _shares(colours: Tensor, main: Tensor, name: str, n: int) -> tuple[Tensor, Tensor]:
    """(B, n, 3) colours, as shares of the main one where they follow it, and (B, n) whether they do.

    A part follows when its class allows it and its colour is the main one times a number."""
    allowed = torch.tensor([part.may_follow for part in FURNITURE[name].parts], device=colours.device)[:n]
    base = main[:, None] + FLOOR_OF_SHARE
    share = (colours + FLOOR_OF_SHARE) / base
    number = share.mean(-1, keepdim=True)
    fits = ((number * base - FLOOR_OF_SHARE - colours).abs().amax(-1) < 0.06) & allowed
    exact = colours.clamp(0, 1) / base
    return torch.where(fits[..., None], exact, colours), fits.float()
