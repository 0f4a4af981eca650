"""A tiny Box3D model for tests: random weights, and a sampler whose rooms look like rooms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from spatial_edit.generators.blobgan.flow import FlowConfig
from spatial_edit.generators.box3d.decoder import Box3DConfig
from spatial_edit.generators.box3d.parts import (
    BACKGROUND,
    EXTENT,
    FURNITURE,
    MAX_PARTS,
    PART_WIDTH,
    SECOND,
    BoxBatch,
)
from spatial_edit.generators.box3d.vector import GEOMETRY, SLOT_CLASSES, SLOT_NAMES, SLOT_VECTOR, SLOTS, pack
from spatial_edit.layouts.boxes3d import CLASS_ID, CLASSES, STYLES

if TYPE_CHECKING:
    from spatial_edit.generators.box3d.model import RoomsBox3D, RoomsConfig

# slot: centre, half extents, facing, colour, in a room of 4 x 4 x 2.6 metres
PLAIN_ROOM = {
    "bed": ((0.0, 0.4, 3.0), (0.8, 0.4, 1.0), 0, (0.7, 0.2, 0.2)),
    "nightstand_l": ((-1.2, 0.25, 3.8), (0.22, 0.25, 0.2), 0, (0.5, 0.35, 0.2)),
    "lamp_l": ((-1.2, 0.7, 3.8), (0.15, 0.2, 0.15), 0, (0.9, 0.85, 0.6)),
    "window": ((-1.97, 1.5, 2.6), (0.025, 0.5, 0.6), 1, (0.6, 0.8, 0.95)),
    "painting_a": ((0.0, 1.7, 3.98), (0.35, 0.25, 0.018), 0, (0.2, 0.5, 0.3)),
    "wardrobe": ((1.7, 1.0, 2.8), (0.28, 1.0, 0.6), 2, (0.4, 0.25, 0.15)),
    "rug": ((0.0, 0.008, 1.6), (0.9, 0.008, 0.5), 0, (0.3, 0.3, 0.6)),
    "chair": ((1.2, 0.42, 1.8), (0.35, 0.42, 0.35), 2, (0.2, 0.5, 0.6)),
}  # fmt: skip
VARY = 0.15  # of the sampler's spread in places


def tiny_config() -> RoomsConfig:
    """32 px, fewer than 50,000 parameters."""
    from spatial_edit.generators.box3d.model import RoomsConfig

    decoder = Box3DConfig(
        resolution=32, widths=(12, 12, 8), vector=8, embedding=4, hidden=16, modulation=8, summary=4
    )
    flow = FlowConfig(components=12, hidden=24, blocks=2, steps=4)
    return RoomsConfig(decoder, flow, entries=5 * len(PLAIN_ROOM))


def imitate_rooms(model: RoomsBox3D) -> None:
    """Give a random model the plain room as its mean; place and colour of its furniture vary a little."""
    vectors, _ = pack(plain_room())
    slots = [SLOT_NAMES.index(name) for name in PLAIN_ROOM]
    kept = [slot * SLOT_VECTOR + entry for slot in slots for entry in (5, 7, 11, 12, 13)]
    assert max(kept) < SLOTS * SLOT_VECTOR and GEOMETRY > 13
    book, flow = model.book, model.flow
    book.kept.copy_(torch.tensor(kept))
    book.constant.copy_(vectors[0])
    book.low.copy_(vectors[0] - 1)
    book.high.copy_(vectors[0] + 1)
    flow.mean.copy_(vectors[0, kept])
    flow.spread.fill_(VARY)
    flow.basis.copy_(torch.randn_like(flow.basis) / flow.basis.shape[1] ** 0.5)
    for number, name in enumerate(CLASSES):
        for style in range(STYLES):
            shade = 0.3 + 0.06 * style
            model.bank[number, style] = torch.cat([plain_row(name, shade), torch.full((6,), 0.4)])


def plain_row(name: str, shade: float = 0.5) -> Tensor:
    """(ROW,) every part of a class filling the box, in grey."""
    row = torch.zeros(MAX_PARTS, PART_WIDTH)
    for number in range(len(FURNITURE[name].parts)):
        row[number, 0] = 1.0
        row[number, EXTENT] = 1.0
        row[number, 7:10] = shade
        row[number, SECOND] = shade
    return row.flatten()


def plain_room() -> BoxBatch:
    """The plain room with all 26 slots, a batch of one."""
    exists = torch.tensor([[name in PLAIN_ROOM for name in SLOT_NAMES]])
    empty = ((0.0, 0.5, 2.0), (0.3, 0.3, 0.3), 0, (0.5, 0.5, 0.5))
    values = [PLAIN_ROOM.get(name, empty) for name in SLOT_NAMES]
    lights = torch.tensor(
        [
            -1.85, 1.5, 2.6, 0.0, 0.5, 0.6, 1.0, 0.0, 0.0, 1.2, 1.15, 1.0, -1.2, 0.8, 3.8, 0.1, 0.08, 0.05,
            0.45, 0.47, 0.5, 1.0,
        ]
    )  # fmt: skip
    surfaces = torch.tensor(
        [[0.6, 0.45, 0.3], [0.95] * 3, [0.7, 0.75, 0.8], [0.7, 0.75, 0.8], [0.7, 0.75, 0.8]]
    )
    return BoxBatch(
        torch.tensor([[4.0, 4.0, 2.6]]),
        torch.tensor([[0.0, 1.4, -0.4, 0.0, -0.15, 1.1]]),
        surfaces[None],
        lights[None],
        torch.tensor([0.0, 0.9, 0.2, 0.0, 0.0, 0.0]).repeat(5)[:BACKGROUND][None],
        exists,
        torch.tensor([[CLASS_ID[name] for name in SLOT_CLASSES]]),
        torch.tensor([[v[2] for v in values]]),
        torch.tensor([[v[0] for v in values]]),
        torch.tensor([[v[1] for v in values]]),
        torch.tensor([[v[3] for v in values]]),
        torch.stack([plain_row(name) for name in SLOT_CLASSES])[None],
    )
