"""A whole room as one vector: what the layout sampler produces.

For each of the 26 slots of a room [presence, facing one-hot 4, x / (width/2), bottom, z / depth, log half
extents in the object's axes 3, colour 3, then its five parts]; for each part [presence, place 3, extent 3,
colour 3, second colour 3, texture one-hot 19, pattern 3, glow, follows]; then the room [size 3, camera 6,
surface colours 15, textures 5 x (one-hot 19 + 5), lights 22]. Presences are +1 or -1. Entries that never vary
are left out of the sampler (`Codebook`); entries of what is not there mean nothing, as the mask says."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spatial_edit.generators.box3d.parts import (
    BACKGROUND,
    MAX_PARTS,
    PART_WIDTH,
    TEXTURE,
    TEXTURES,
    BoxBatch,
    to_object_axes,
    to_room_axes,
)
from spatial_edit.generators.box3d.patterns import ART, BOOKS, PANELS, RUG, WINDOW
from spatial_edit.layouts.boxes3d import CLASS_ID

SLOT_CLASSES = (
    "rug", "bed", "nightstand", "nightstand", "lamp", "lamp", "window", "painting", "painting", "wardrobe",
    "dresser", "bookshelf", "plant", "chair", "pouf", "door", "mirror", "floor lamp", "ceiling lamp",
    "television", "vase", "pillow", "pillow", "curtain", "curtain", "cushion",
)  # fmt: skip
SLOT_NAMES = (
    "rug", "bed", "nightstand_l", "nightstand_r", "lamp_l", "lamp_r", "window", "painting_a", "painting_b",
    "wardrobe", "dresser", "bookshelf", "plant", "chair", "pouf", "door", "mirror", "floor_lamp",
    "ceiling_lamp", "decor_a", "decor_b", "pillow_l", "pillow_r", "curtain_l", "curtain_r", "cushion",
)  # fmt: skip
SLOTS = len(SLOT_CLASSES)
GEOMETRY = 14  # presence, facing 4, place 3, log half 3, colour 3
PART_VECTOR = PART_WIDTH - 1 + TEXTURES
SLOT_VECTOR = GEOMETRY + MAX_PARTS * PART_VECTOR
SURFACE_VECTOR = TEXTURES + 5
ROOM_VECTOR = 3 + 6 + 15 + 5 * SURFACE_VECTOR + 22
COLOUR_OF_PART = slice(7, 13)  # colours and second colours within a part's vector
LENGTH = SLOTS * SLOT_VECTOR + ROOM_VECTOR

BOXES, COLOURS, STYLE, PRESENCE = range(4)  # what an entry of a slot tells, see `entry_kinds`
ROOM_KINDS = {"size": 4, "camera": 5, "surface": 6, "texture": 7, "light": 8}


def pack(batch: BoxBatch) -> tuple[Tensor, Tensor]:
    """Vectors (B, LENGTH) of rooms with all 26 slots, and their mask: 1 where the entry means something."""
    there = batch.exists.float()[..., None]
    half = to_object_axes(batch.halves, batch.facings, signed=False)
    place = [
        batch.centres[..., 0] / (batch.room[:, None, 0] / 2),
        batch.centres[..., 1] - batch.halves[..., 1],
        batch.centres[..., 2] / batch.room[:, None, 1],
    ]
    geometry = torch.cat(
        [
            2 * there - 1, F.one_hot(batch.facings, 4).float(), torch.stack(place, -1),
            half.clamp(min=0.004).log(), batch.colours,
        ],
        -1,
    )  # fmt: skip
    parts = batch.rows.unflatten(-1, (MAX_PARTS, PART_WIDTH))
    texture = F.one_hot(parts[..., TEXTURE].round().long(), TEXTURES).float()
    rest = torch.cat([parts[..., 1:TEXTURE], texture, parts[..., TEXTURE + 1 :]], -1)
    part_mask = (parts[..., :1] > 0.5).float() * there[..., None]
    parts = torch.cat([2 * parts[..., :1] - 1, rest], -1)
    parts_mask = torch.cat([there[..., None].expand_as(part_mask), part_mask.expand_as(rest)], -1)
    slots = torch.cat([geometry, parts.flatten(-2)], -1)
    presence = torch.ones_like(there)
    mask = torch.cat([presence, there.expand(*there.shape[:2], GEOMETRY - 1), parts_mask.flatten(-2)], -1)

    shell = batch.background.unflatten(-1, (5, BACKGROUND // 5))
    surfaces = torch.cat([F.one_hot(shell[..., 0].round().long(), TEXTURES).float(), shell[..., 1:]], -1)
    room = [batch.room, batch.camera, batch.surfaces.flatten(1), surfaces.flatten(1), batch.lights]
    tail = torch.cat(room, 1)
    return torch.cat([slots.flatten(1), tail], 1), torch.cat([mask.flatten(1), torch.ones_like(tail)], 1)


def unpack(vectors: Tensor) -> BoxBatch:
    """The inverse of `pack`: presences and facings decided, everything else as it comes."""
    b = len(vectors)
    slots = vectors[:, : SLOTS * SLOT_VECTOR].view(b, SLOTS, SLOT_VECTOR)
    exists = slots[..., 0] > 0
    facings = slots[..., 1:5].argmax(-1)
    parts = slots[..., GEOMETRY:].unflatten(-1, (MAX_PARTS, PART_VECTOR))
    split = [TEXTURE - 1, TEXTURES, PART_WIDTH - TEXTURE - 1]
    before, texture, after = parts[..., 1:].split(split, -1)
    present = (parts[..., :1] > 0).float()
    after = torch.cat([after[..., :-1], (after[..., -1:] > 0.5).float()], -1)
    kind = texture.argmax(-1, keepdim=True)
    rows = torch.cat([present, before, kind.float(), _counts(after, kind[..., 0])], -1) * present

    tail = vectors[:, SLOTS * SLOT_VECTOR :]
    room, camera, colours, surfaces, lights = tail.split([3, 6, 15, 5 * SURFACE_VECTOR, 22], -1)
    surfaces = surfaces.unflatten(-1, (5, SURFACE_VECTOR))
    kind = surfaces[..., :TEXTURES].argmax(-1, keepdim=True).float()
    background = torch.cat([kind, surfaces[..., TEXTURES:]], -1).flatten(1)
    half = to_room_axes(slots[..., 8:11].clamp(-5.5, 1.2).exp(), facings, signed=False)
    centres = torch.stack(
        [
            slots[..., 5] * room[:, None, 0] / 2, slots[..., 6] + half[..., 1],
            slots[..., 7] * room[:, None, 1],
        ],
        -1,
    )  # fmt: skip
    classes = torch.tensor([CLASS_ID[name] for name in SLOT_CLASSES], device=vectors.device)
    return BoxBatch(
        room, camera, colours.unflatten(-1, (5, 3)).clamp(0, 1), lights, background, exists,
        classes.expand(b, -1), facings, centres, half, slots[..., 11:14].clamp(0, 1), rows.flatten(-2),
    )  # fmt: skip


def _counts(after: Tensor, kind: Tensor) -> Tensor:
    """Pattern numbers (…, 5: tp0, tp1, tp2, glow, follows) with those that are counts made whole."""
    first, second = after[..., 0], after[..., 1]
    whole = torch.isin(kind, torch.tensor([*PANELS, ART, BOOKS, RUG], device=kind.device))
    panes = (kind == WINDOW) & (first < 9)
    first = torch.where(whole | panes, first.round(), first)
    pairs = torch.isin(kind, torch.tensor([*PANELS, WINDOW], device=kind.device))
    second = torch.where(pairs, second.round(), second)
    return torch.cat([torch.stack([first, second], -1), after[..., 2:]], -1)


class Entries(NamedTuple):
    """(LENGTH,) what every entry belongs to: slot (or -1 for the room), and kind."""

    slots: Tensor
    kinds: Tensor


def entries() -> Entries:
    """What every entry of a vector tells."""
    slot = torch.full((SLOT_VECTOR,), STYLE)
    slot[:GEOMETRY] = BOXES
    slot[0], slot[11:14] = PRESENCE, COLOURS
    part = torch.full((PART_VECTOR,), STYLE)
    part[COLOUR_OF_PART] = COLOURS
    slot[GEOMETRY:] = part.repeat(MAX_PARTS)
    sizes = {"size": 3, "camera": 6, "surface": 15, "texture": 5 * SURFACE_VECTOR, "light": 22}
    room = torch.cat([torch.full((size,), ROOM_KINDS[name]) for name, size in sizes.items()])
    numbers = torch.arange(SLOTS).repeat_interleave(SLOT_VECTOR)
    slots = torch.cat([numbers, torch.full((ROOM_VECTOR,), -1)])
    return Entries(slots, torch.cat([slot.repeat(SLOTS), room]))


class Codebook(nn.Module):
    """Which entries vary, what the others always are, and the range of each in the training rooms.

    kept (K,) int64; constant, low, high (LENGTH,) float32."""

    kept: Tensor
    constant: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, kept: int) -> None:
        super().__init__()
        self.register_buffer("kept", torch.arange(kept))
        for name in ("constant", "low", "high"):
            self.register_buffer(name, torch.zeros(LENGTH))

    def compress(self, vectors: Tensor) -> Tensor:
        """(B, K) the entries that vary."""
        return vectors[:, self.kept]

    def restore(self, compact: Tensor) -> Tensor:
        """(B, LENGTH) whole vectors, every entry within the range seen in training."""
        whole = self.constant.expand(len(compact), -1).clone()
        whole[:, self.kept] = compact
        return torch.minimum(torch.maximum(whole, self.low), self.high)


@torch.no_grad()
def learn_codebook(vectors: Tensor, masks: Tensor, smallest: float = 1e-3) -> Codebook:
    """The codebook of training vectors (N, LENGTH): entries whose deviation exceeds `smallest` are kept."""
    count = masks.sum(0)
    mean = (vectors * masks).sum(0) / count.clamp(min=1)
    deviation = (((vectors - mean) * masks).square().sum(0) / count.clamp(min=1)).sqrt()
    kept = ((deviation > smallest) & (count >= 8)).nonzero().flatten()
    book = Codebook(len(kept))
    book.kept.copy_(kept)
    book.constant.copy_(torch.where(count > 0, mean, torch.where(_presence(), -1.0, 0.0)))
    inside = masks > 0
    book.low.copy_(torch.where(inside, vectors, torch.inf).amin(0))
    book.high.copy_(torch.where(inside, vectors, -torch.inf).amax(0))
    never = count == 0
    book.low[never], book.high[never] = book.constant[never], book.constant[never]
    return book


def _presence() -> Tensor:
    """(LENGTH,) bool: presences of slots and parts."""
    slot = torch.zeros(SLOT_VECTOR, dtype=torch.bool)
    slot[0] = True
    slot[GEOMETRY::PART_VECTOR] = True
    return torch.cat([slot.repeat(SLOTS), torch.zeros(ROOM_VECTOR, dtype=torch.bool)])
