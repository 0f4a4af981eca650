"""Parts: what a box of furniture is made of.

Every class has up to five parts, primitives (box, upright cylinder, ellipsoid) whose place, size, colours and
texture stand in the element's appearance row, relative to the element's box: resize or turn the box and its
parts follow. A row (95,) holds five parts of `PART_FIELDS`, in the object's own axes (lateral, up, forward),
places and sizes as fractions of the box's half extents. Colours are display values 0..1. A part that
`follows` has its colour as a share of the element's literal colour, so that a recoloured chair keeps its
shades; the second colour of a texture does the same where the class says so."""

from __future__ import annotations

from enum import IntEnum
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from spatial_edit.layouts.boxes3d import CLASS_ID, CLASSES

MAX_PARTS = 5
PART_FIELDS = (
    "exists", "lateral", "up", "forward", "half_lateral", "half_up", "half_forward", "r", "g", "b",
    "r2", "g2", "b2", "texture", "tp0", "tp1", "tp2", "glow", "follows",
)  # fmt: skip
PART_WIDTH = len(PART_FIELDS)
ROW = MAX_PARTS * PART_WIDTH
PLACE, EXTENT, COLOUR, SECOND = slice(1, 4), slice(4, 7), slice(7, 10), slice(10, 13)
TEXTURE, PATTERN, GLOW, FOLLOWS = 13, slice(14, 17), 17, 18
FLOOR_OF_SHARE = 0.02  # added to a colour before a share of it is taken, so that black can be shared too
TEXTURES = 19  # kinds of `spatial_edit.data.rooms.vocabulary.Texture`

SURFACE_FIELDS = ("texture", "second", "tp0", "tp1", "tp2", "sheen")  # of floor, ceiling and three walls
BACKGROUND = 5 * len(SURFACE_FIELDS)  # `second` is the second colour as a share of the first


class Shape(IntEnum):
    """Of a part."""

    BOX = 0
    CYLINDER = 1
    ELLIPSOID = 2


class Part(NamedTuple):
    """What is fixed about a part of a class: shape, top radius as a share of the bottom's, bevel in metres,
    whether it casts a shadow, whether its colour may follow the element's."""

    shape: Shape = Shape.BOX
    taper: float = 1.0
    bevel: float = 0.0
    casts: bool = True
    may_follow: bool = False


class Furniture(NamedTuple):
    """A class: its parts, which of them has the element's colour, whether second colours are shares of the
    first."""

    parts: tuple[Part, ...]
    main: int = 0
    second_follows: bool = False


_BALL = Part(Shape.ELLIPSOID)
_POLE = Part(Shape.CYLINDER, casts=False)
_LEAVES = Part(Shape.ELLIPSOID, may_follow=True)
_SHEET = Part(casts=False)
_CASE = Furniture((Part(bevel=0.01),), second_follows=True)

FURNITURE: dict[str, Furniture] = {
    "bed": Furniture(
        (Part(), Part(bevel=0.07), Part(bevel=0.08), Part(bevel=0.06, casts=False), Part(bevel=0.03)), main=2
    ),
    "pillow": Furniture((_BALL,)),
    "cushion": Furniture((_BALL,)),
    "nightstand": _CASE,
    "lamp": Furniture(
        (Part(Shape.CYLINDER, 0.6, casts=False), Part(Shape.CYLINDER, 0.62, casts=False)), main=1
    ),
    "window": Furniture((_SHEET,)),
    "curtain": Furniture((Part(),)),
    "wardrobe": _CASE,
    "bookshelf": Furniture((Part(),)),
    "dresser": _CASE,
    "television": Furniture((_SHEET,)),
    "vase": Furniture((Part(Shape.CYLINDER, 0.6, casts=False), Part(Shape.ELLIPSOID, casts=False))),
    "door": Furniture((_SHEET,), second_follows=True),
    "painting": Furniture((_SHEET,)),
    "mirror": Furniture((_SHEET,)),
    "plant": Furniture(
        (
            Part(Shape.CYLINDER, 1.25), _LEAVES, _LEAVES, _LEAVES._replace(casts=False),
            _LEAVES._replace(casts=False),
        ),
        main=1,
    ),
    "chair": Furniture(
        (
            Part(bevel=0.05, may_follow=True), Part(bevel=0.05, may_follow=True),
            Part(bevel=0.04, casts=False, may_follow=True), Part(bevel=0.04, casts=False, may_follow=True),
        ),
    ),
    "pouf": Furniture((Part(Shape.CYLINDER),)),
    "floor lamp": Furniture((_POLE, _POLE._replace(taper=0.65)), main=1),
    "ceiling lamp": Furniture((Part(Shape.ELLIPSOID, casts=False), Part(casts=False))),
    "rug": Furniture((_SHEET, Part(Shape.CYLINDER, casts=False))),
}  # fmt: skip
TYPES = len(CLASSES) * MAX_PARTS  # kinds of parts: 5 * class + number


@cache
def _table(value: str, device: torch.device) -> Tensor:
    """(classes, MAX_PARTS) one attribute of every part of every class; "exists" is 1 where there is one."""
    table = torch.zeros(len(CLASSES), MAX_PARTS)
    for name, furniture in FURNITURE.items():
        for number, part in enumerate(furniture.parts):
            table[CLASS_ID[name], number] = 1.0 if value == "exists" else float(getattr(part, value))
    return table.to(device)


class BoxBatch(NamedTuple):
    """B rooms with up to N boxes each; see `layouts.boxes3d` for the units."""

    room: Tensor  # (B, 3)
    camera: Tensor  # (B, 6)
    surfaces: Tensor  # (B, 5, 3)
    lights: Tensor  # (B, 22)
    background: Tensor  # (B, BACKGROUND)
    exists: Tensor  # (B, N) bool
    classes: Tensor  # (B, N) int64
    facings: Tensor  # (B, N) int64
    centres: Tensor  # (B, N, 3)
    halves: Tensor  # (B, N, 3)
    colours: Tensor  # (B, N, 3)
    rows: Tensor  # (B, N, ROW)

    def at(self, index: int | slice | Tensor) -> BoxBatch:
        """The chosen rooms; an int keeps a batch of one."""
        chosen = slice(index, index + 1) if isinstance(index, int) else index
        return BoxBatch(*(value[chosen] for value in self))


class Parts(NamedTuple):
    """B rooms with P parts each (the most that any of them has)."""

    exists: Tensor  # (B, P) bool
    owner: Tensor  # (B, P) int64 the element
    types: Tensor  # (B, P) int64 5 * class + number
    shapes: Tensor  # (B, P) int64
    tapers: Tensor  # (B, P)
    bevels: Tensor  # (B, P) metres
    casts: Tensor  # (B, P) bool
    facings: Tensor  # (B, P) int64
    centres: Tensor  # (B, P, 3) metres
    halves: Tensor  # (B, P, 3) metres
    colours: Tensor  # (B, P, 3) display
    seconds: Tensor  # (B, P, 3) display
    textures: Tensor  # (B, P) int64
    patterns: Tensor  # (B, P, 3)
    glow: Tensor  # (B, P)


def along_x(facings: Tensor) -> Tensor:
    """Whether the lateral axis of an object is the room's x (facings 0 and 3); else it is z."""
    return (facings == 0) | (facings == 3)


def forward_sign(facings: Tensor) -> Tensor:
    """+1 where the front looks along the positive axis."""
    return torch.where((facings == 1) | (facings == 3), 1.0, -1.0)


def to_room_axes(local: Tensor, facings: Tensor, signed: bool = True) -> Tensor:
    """(…, 3) lateral, up, forward → x, y, z for facings (…); unsigned for extents. Its own inverse with
    `to_object_axes`."""
    lateral, up, forward = local.unbind(-1)
    forward = forward * forward_sign(facings) if signed else forward
    straight = along_x(facings)
    return torch.stack(
        [torch.where(straight, lateral, forward), up, torch.where(straight, forward, lateral)], -1
    )


def to_object_axes(room: Tensor, facings: Tensor, signed: bool = True) -> Tensor:
    """(…, 3) x, y, z → lateral, up, forward."""
    x, y, z = room.unbind(-1)
    straight = along_x(facings)
    forward = torch.where(straight, z, x)
    forward = forward * forward_sign(facings) if signed else forward
    return torch.stack([torch.where(straight, x, z), y, forward], -1)


def expand(batch: BoxBatch) -> Parts:
    """The parts of all boxes. Gradients flow to colours, boxes and rows."""
    rows = batch.rows.unflatten(-1, (MAX_PARTS, PART_WIDTH))  # (B, N, 5, 19)
    b, n = batch.exists.shape
    device = rows.device
    number = torch.arange(MAX_PARTS, device=device)
    facings = batch.facings[..., None].expand(b, n, MAX_PARTS)

    def fixed(name: str) -> Tensor:
        return _table(name, device)[batch.classes]

    there = (rows[..., 0] > 0.5) & batch.exists[..., None] & (fixed("exists") > 0)
    half = batch.halves[..., None, :]
    centres = batch.centres[..., None, :] + to_room_axes(rows[..., PLACE], facings) * half
    halves = (to_room_axes(rows[..., EXTENT], facings, signed=False) * half).clamp(min=1e-3)

    main = batch.colours[..., None, :]
    shared = (main + FLOOR_OF_SHARE) * rows[..., COLOUR]
    colours = torch.where(rows[..., FOLLOWS : FOLLOWS + 1] > 0.5, shared, rows[..., COLOUR])
    is_main = is_main_part(batch.classes, rows[..., 0])
    colours = torch.where(is_main[..., None], main, colours).clamp(0, 1)
    follows = _of_class("second_follows", device)[batch.classes][..., None, None]
    seconds = torch.where(
        follows > 0.5, (colours + FLOOR_OF_SHARE) * rows[..., SECOND], rows[..., SECOND]
    ).clamp(0, 1)

    values = Parts(
        there, torch.arange(n, device=device)[:, None].expand(b, n, MAX_PARTS),
        batch.classes[..., None] * MAX_PARTS + number, fixed("shape").long(), fixed("taper"), fixed("bevel"),
        fixed("casts") > 0.5, facings, centres, halves, colours, seconds,
        rows[..., TEXTURE].round().long().clamp(0, TEXTURES - 1), rows[..., PATTERN], rows[..., GLOW],
    )  # fmt: skip
    return _compress(Parts(*(value.flatten(1, 2) for value in values)))


@cache
def _of_class(value: str, device: torch.device) -> Tensor:
    """(classes,) one attribute of every class."""
    return torch.tensor([float(getattr(FURNITURE[name], value)) for name in CLASSES]).to(device)


def is_main_part(classes: Tensor, exists: Tensor) -> Tensor:
    """(B, N, MAX_PARTS) bool: the part with the element's own colour; the rug is either of its two."""
    main = _of_class("main", classes.device)[classes]
    main = torch.where((classes == CLASS_ID["rug"]) & (exists[..., 0] <= 0.5), 1, main)
    return torch.arange(MAX_PARTS, device=classes.device) == main[..., None]


def _compress(parts: Parts) -> Parts:
    """Only as many columns as the fullest room needs; existing parts first, in order."""
    most = max(int(parts.exists.sum(1).max()), 1)
    order = (~parts.exists).to(torch.int8).argsort(dim=1, stable=True)[:, :most]

    def take(value: Tensor) -> Tensor:
        index = order if value.dim() == 2 else order[..., None].expand(-1, -1, value.shape[-1])
        return value.gather(1, index)

    return Parts(*(take(value) for value in parts))
