"""Edits of boxes in a room: one small change each, pure (layout in, layout out).

An edit travels as strict JSON: `{"op": "slide", "target": 3, "dx": 0.4, "dz": 0.0}`. A JSON array of at
most 64 such objects is applied in order, all or nothing. `target` is the element's number; metres and
radians; x to the right, y up, z from the camera to the back wall; colours are display values 0..1. Keys in []
are optional.

    slide     target, dx, dz [snap, carry]            over the floor; along its wall, if it is at one
    place     target, x, z [y, facing, snap, carry]   its centre; y and facing stay unless given
    lift      target, dy [carry]
    turn      target, quarters [carry]                -3..3, counter-clockwise as seen from above
    resize    target, fx fy fz or hx hy hz [carry]    factors or half sizes along the room's axes, any of them
    swap      target, with [carry]                    the two exchange places
    stack     target, on [carry]                      on top of another element, where there is room
    recolour  target, r, g, b
    restyle   target, variant (0..9) or row           another look of the same class
    clone     target [dx, dz, carry]                  shares the original's row; without dx, dz: a free place
    remove, hide, show   target [carry]
    lock, unlock         target
    add       class [x, z, y, facing, r, g, b, variant, snap]     without x, z: a free place
    camera    [x, y, z, yaw, pitch, fov, orbit, tilt, about, dolly]
              place and gaze first, then round the element `about` (or the room) by `orbit` to the right and
              `tilt` upwards, which stays where it is in the picture, then `dolly` metres forward
    room      [width, depth, height]                  what is at a wall stays at it, all stays inside
    surface   surface, r, g, b                        floor, ceiling, back wall, left wall, right wall, walls
    light     [time, key, lamp, ambient, exposure]    time: day, evening, night; strengths 0..4 of each light
    arrange   layout                                  the whole layout at once, see boxes3d_arrange.py

`snap` (true unless it is false): what belongs to a wall and comes within 35 cm of one turns its back to it
and touches it, what hangs always does; what lies on something comes down on what is below; what is pushed
against a wall stops there. `carry` (true unless it is false): what stands on the element comes along, bedding
with its bed and curtains with their window (`layouts.furniture.carried`), and the light that shines from a
moved window or lamp.

A time of day sets every light as the procedural rooms do and the colour of the windows, nothing else: what
glows in the picture (a lit shade) belongs to an element's style. Removing or hiding a lamp leaves its light.

Refused with a sentence, the layout unharmed: an unknown or locked element, a box outside the room, a camera
in a piece of furniture or beyond the walls, a size that is zero or too large, more than 40 elements. Things
that end up within each other or in the air are not refused: see layouts/collisions.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from spatial_edit.edits.array import edit_items
from spatial_edit.edits.boxes3d_add import Add, Clone
from spatial_edit.edits.boxes3d_arrange import arrange_boxes
from spatial_edit.edits.boxes3d_change import Hide, Lock, Recolour, Remove, Resize, Restyle, Show, Unlock
from spatial_edit.edits.boxes3d_move import Lift, Place, Slide, Stack, Swap, Turn
from spatial_edit.edits.boxes3d_op import BoxEdit, check_room, read_edit
from spatial_edit.edits.boxes3d_room import Room
from spatial_edit.edits.boxes3d_view import Camera, Light, Surface
from spatial_edit.edits.errors import EditError
from spatial_edit.layouts import Boxes3D
from spatial_edit.layouts.strict_json import JsonError


@dataclass(frozen=True)
class Arrange(BoxEdit):
    """The whole layout at once, as a drag leaves it."""

    op: ClassVar[str] = "arrange"
    layout: object  # checked when it is applied

    def run(self, layout: Boxes3D) -> Boxes3D:
        return arrange_boxes(layout, self.layout)


_OPS = (
    Slide, Place, Lift, Turn, Resize, Swap, Stack, Recolour, Restyle, Clone, Remove, Hide, Show, Lock, Unlock,
    Add, Camera, Room, Surface, Light, Arrange,
)  # fmt: skip
BOX_OPS: dict[str, type[BoxEdit]] = {kind.op: kind for kind in _OPS}


def parse_box_edits(source: object) -> tuple[BoxEdit, ...]:
    """The edits of a JSON text, object or array (1 .. 64); EditError when any is not exact."""
    try:
        return tuple(read_edit(item, what, BOX_OPS) for what, item in edit_items(source))
    except JsonError as error:
        raise EditError(str(error)) from error


def apply_box_edit(layout: Boxes3D, edit: BoxEdit) -> Boxes3D:
    """The layout after one edit; the given one is unchanged. EditError when the edit cannot be applied."""
    result = edit.run(layout)
    check_room(layout, result)
    return result
