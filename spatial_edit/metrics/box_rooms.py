"""Rooms and layouts of boxes, both ways: a rendered room as a scene, and an edited layout as a room again.

The second makes counterfactuals of any edit: what the renderer draws for exactly the boxes that the model was
given. As in `data.rooms.counterfactual`, lights stay where they are when a window or a lamp moves."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from spatial_edit.data.rooms.renderer import render
from spatial_edit.data.rooms.rooms import Rooms
from spatial_edit.data.rooms.vocabulary import ABSENT_Y, CENTRE, COLOUR, HALF, SECOND_COLOUR, SHELL
from spatial_edit.generators.box3d.parts import MAX_PARTS, BoxBatch, expand
from spatial_edit.generators.box3d.renderer import Box3DGenerator
from spatial_edit.generators.box3d.vector import SLOTS
from spatial_edit.layouts import Boxes3D, Scene
from spatial_edit.metrics.box_truth import box_truth

JUDGED_SIDE = 64  # pixels of the pictures that the judge was trained on
TRUE_SEED = 4_100_000  # rooms that no training pool holds
HELD_OUT_SEED, HELD_OUT = 100_000, 256  # of the decoder's pool, its first shard: never trained on
BATCH = 32


class TrueRoom(NamedTuple):
    """A room (a batch of one), its boxes, and both as a scene of a model."""

    room: Rooms
    boxes: BoxBatch
    scene: Scene


def true_rooms(generator: Box3DGenerator, rooms: Rooms) -> list[TrueRoom]:
    """Rooms with their scenes; the scene's seed is the room's number."""
    boxes = box_truth(rooms)
    return [TrueRoom(rooms[i], boxes.at(i), generator.scene_of(boxes, i, i, 0.0)) for i in range(len(rooms))]


def furnished(true: TrueRoom, layout: Boxes3D) -> Rooms:
    """The room with boxes, their colours and the camera as a layout has them: one that was edited from the
    room's own. Hidden elements and slots that the layout lacks are absent; surfaces and lights stay.

    ValueError when two elements share a slot, or one has an appearance that is not the room's own.
    """
    layout = layout.visible()
    slots = list(layout.rows)
    if len(set(slots)) != len(slots) or any(slot >= SLOTS for slot in slots):
        raise ValueError(f"this layout has the appearances {slots}: a room draws each of its {SLOTS} once")
    old = true.boxes
    exists = torch.zeros_like(old.exists)
    exists[0, slots] = True
    boxes = old._replace(
        exists=exists,
        facings=_put(old.facings, slots, torch.tensor(layout.facings, dtype=torch.long)),
        centres=_put(old.centres, slots, layout.centres),
        halves=_put(old.halves, slots, layout.halves),
        colours=_put(old.colours, slots, layout.colours),
    )
    x, y, z, yaw, pitch, fov = layout.camera[:, None]
    return replace(
        true.room,
        table=_table(true.room, boxes),
        camera=torch.stack([x, y, z], -1),
        yaw=yaw,
        pitch=pitch,
        fov=fov,
    )


def _put(values: Tensor, slots: list[int], new: Tensor) -> Tensor:
    result = values.clone()
    result[0, slots] = new
    return result


def _table(room: Rooms, boxes: BoxBatch) -> Tensor:
    """(1, 5 + P, F) the room's table with the parts of these boxes and nothing else but the shell."""
    table = room.table.clone()
    table[:, SHELL:, CENTRE] = torch.tensor([0.0, ABSENT_Y, 0.0])
    table[:, SHELL:, HALF] = 1e-3
    parts = expand(boxes)
    there = parts.exists[0]
    rows = torch.tensor(part_rows(room))[parts.owner[0, there], parts.types[0, there] % MAX_PARTS]
    for columns, values in (
        (CENTRE, parts.centres),
        (HALF, parts.halves),
        (COLOUR, parts.colours),
        (SECOND_COLOUR, parts.seconds),
    ):
        table[0, rows, columns] = values[0, there]
    return table


def part_rows(room: Rooms) -> list[list[int]]:
    """For each slot the table rows of its parts, in order, filled up with -1 to `MAX_PARTS`."""
    result = []
    for slot in range(SLOTS):
        rows = [SHELL + k for k, instance in enumerate(room.instances) if instance == SHELL + slot]
        result.append(rows + [-1] * (MAX_PARTS - len(rows)))
    return result


def draw_rooms(rooms: list[Rooms], side: int) -> Tensor:
    """(B, 3, side, side) in [-1, 1]: the renderer's pictures of rooms, each a batch of one."""
    return torch.cat([render(room, side).rgb for room in rooms]).float() / 127.5 - 1


def for_judge(pictures: Tensor) -> Tensor:
    """Pictures (B, 3, R, R) as the judge reads them: larger ones averaged down to 64 px."""
    factor = pictures.shape[-1] // JUDGED_SIDE
    return avg_pool2d(pictures, factor) if factor > 1 else pictures


def judged_side(resolution: int) -> int:
    """The side of what `for_judge` gives."""
    return min(resolution, JUDGED_SIDE)
