"""Boxes3D: a room, a camera and axis-aligned boxes, each a piece of furniture.

Metres; x to the right (0 in the middle of the room), y up from the floor, z from the camera towards the back
wall. The room spans x in ±width/2, y in 0..height and z up to depth; it has no front wall. An element is a
box with a class and a facing: the quarter turn that says where its front looks to (`FACINGS`). What its
inside looks like is not here: `rows` names its row in `Latent.rows`; `colours` is the colour of the
element's main part, a display value in 0..1 that can be set literally.

The surfaces of the room have colours too, in the order of `SURFACES`. `lights` are the 22 numbers of
`LIGHTS`: the key light (a window or a ceiling lamp), one small lamp, ambient light and exposure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from spatial_edit.layouts.layout import Elements

MAX_BOXES = 40
SURFACES = ("floor", "ceiling", "back wall", "left wall", "right wall")
FACINGS = ((0.0, -1.0), (1.0, 0.0), (-1.0, 0.0), (0.0, 1.0))  # x, z of the direction of the front:
# 0 from the back wall towards the camera, 1 from the left wall, 2 from the right wall, 3 away from the camera

# class: what it stands on or hangs at. "wall" stands on the floor with its back against a wall, "hung"
# hangs at a wall, "top" stands on something.
PLACEMENT = {
    "bed": "wall", "pillow": "top", "cushion": "top", "nightstand": "wall", "lamp": "top", "window": "hung",
    "curtain": "hung", "wardrobe": "wall", "bookshelf": "wall", "dresser": "wall", "television": "top",
    "vase": "top", "door": "wall", "painting": "hung", "mirror": "hung", "plant": "floor", "chair": "floor",
    "pouf": "floor", "floor lamp": "floor", "ceiling lamp": "ceiling", "rug": "floor",
}  # fmt: skip
CLASSES = tuple(PLACEMENT)
CLASS_ID = {name: number for number, name in enumerate(CLASSES)}  # the numbers of edit codes: never reorder

SCENE_ROWS = 26  # rows of Latent.rows that belong to the sampled scene; a bank of styles follows
STYLES = 10  # of every class in the bank

ROOM_RANGE = ((2.0, 8.0), (2.0, 8.0), (2.0, 4.0))  # width, depth, height
CAMERA_RANGE = ((-4.0, 4.0), (0.1, 3.9), (-3.0, 7.5), (-3.2, 3.2), (-1.5, 1.5), (0.3, 2.2))
# x, y, z in metres; yaw (0 looks at the back wall, positive to the right), pitch (positive up) and the full
# horizontal field of view in radians
CENTRE_RANGE_3D = (-10.0, 10.0)
HALF_RANGE = (0.004, 4.0)

LIGHTS = (
    "key_x", "key_y", "key_z", "key_width", "key_height", "key_depth", "key_nx", "key_ny", "key_nz", "key_r",
    "key_g", "key_b", "lamp_x", "lamp_y", "lamp_z", "lamp_r", "lamp_g", "lamp_b", "ambient_r", "ambient_g",
    "ambient_b", "exposure",
)  # fmt: skip
KEY_POSITION, KEY_EXTENT, KEY_NORMAL, KEY_COLOUR = slice(0, 3), slice(3, 6), slice(6, 9), slice(9, 12)
LAMP_POSITION, LAMP_COLOUR, AMBIENT, EXPOSURE = slice(12, 15), slice(15, 18), slice(18, 21), 21
LIGHT_RANGE = (-10.0, 10.0)


def style_row(name: str, variant: int) -> int:
    """The row of `Latent.rows` with style `variant` (0 .. STYLES - 1) of a class; ValueError for another."""
    if name not in CLASS_ID:
        raise ValueError(f"there is no furniture called {name[:40]!r}: choose one of {', '.join(CLASSES)}")
    if not 0 <= variant < STYLES:
        raise ValueError(f"style {variant} was asked for: choose 0 to {STYLES - 1}")
    return SCENE_ROWS + STYLES * CLASS_ID[name] + variant


@dataclass(frozen=True, eq=False)
class Boxes3D(Elements):
    """K boxes in a room. The order of the elements means nothing for the picture."""

    kind: ClassVar[str] = "boxes3d"

    room: Tensor  # (3,) width, depth, height; within ROOM_RANGE
    camera: Tensor  # (6,) x, y, z, yaw, pitch, field of view; within CAMERA_RANGE
    surfaces: Tensor  # (5, 3) colours of SURFACES, display values 0..1
    lights: Tensor  # (22,) see LIGHTS
    centres: Tensor  # (K, 3)
    halves: Tensor  # (K, 3) half extents along x, y, z of the room; within HALF_RANGE
    colours: Tensor  # (K, 3) display values 0..1
    classes: tuple[str, ...]  # names of CLASSES
    facings: tuple[int, ...]  # index into FACINGS
    ids: tuple[int, ...]  # the number drawn on the canvas: unique, 0..255, stable through every edit
    rows: tuple[int, ...]  # the element's row in Latent.rows; clones share one
    hidden: tuple[bool, ...] = ()
    locked: tuple[bool, ...] = ()

    def select(self, keep: list[int]) -> Boxes3D:
        """The elements at the given positions, in the given order."""
        index = torch.tensor(keep, dtype=torch.long)
        return replace(
            self,
            centres=self.centres[index],
            halves=self.halves[index],
            colours=self.colours[index],
            classes=tuple(self.classes[i] for i in keep),
            facings=tuple(self.facings[i] for i in keep),
            ids=tuple(self.ids[i] for i in keep),
            rows=tuple(self.rows[i] for i in keep),
            hidden=tuple(self.hidden[i] for i in keep),
            locked=tuple(self.locked[i] for i in keep),
        )
