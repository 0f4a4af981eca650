"""Edits of blobs: one small change of a layout each, pure (layout in, layout out).

An edit travels as strict JSON: `{"op": "move", "target": 3, "dx": 0.1, "dy": 0.0}`. A JSON array of at most
64 such objects is applied in order, all or nothing. `target` is the element's number as drawn on the canvas:
it stays the same through reorder, hide, remove of others and undo. Keys in [] are optional.

One element (`target`):

    move      dx, dy              fractions of the side, y down; the centre must stay within [-0.2, 1.2]
    resize    factor              multiplies the size
    rotate    angle               radians, counter-clockwise as seen
    reshape   factor              multiplies the aspect at constant area
    set       [x, y, size, aspect, angle]      absolute values, at least one
    draw      points              the ellipse of a drawn outline, [[x, y], ...] of 3 to 64 points
    reorder   to                  new position in depth over all elements, 0 = farthest
    clone     dx, dy              a copy that shares the original's appearance, just in front of it
    opacity   value               0..1
    restyle   row [seed, share]   a second appearance: that row of this scene, or of another seed's
    mix       share               how much of the second appearance, 0..1
    unstyle                       back to its own appearance and colour
    recolour  colour              "#rrggbb", null = its own
    swap      with                the two exchange their appearance
    remove, hide, show, lock, unlock

Several (`targets`, 1 to 64 numbers):

    group       [dx, dy, factor, angle]        scaled and turned about the mean of their centres, then moved
    align       edge                           left right top bottom centre middle
    distribute  axis                           "x" or "y"; at least 3 elements

The whole layout:

    add         row, x, y, size, aspect, angle [seed]      a new element in front
    draw        points, row [seed]                         a new element from a drawn outline
    background  [seed, share]                              what is behind, from another seed; null = its own
    surface     surface, colour                            floor ceiling back left right; null = its own
    appearance  [seed, share]                              every unlocked element and what is behind

A new element takes the next free number, see `blob_values.next_number`. A locked element refuses every change
but unlock; it may be cloned, and the copy is not locked.
"""

from __future__ import annotations

from spatial_edit.edits.array import MAX_EDITS
from spatial_edit.edits.blob_group import Align, Distribute, Group
from spatial_edit.edits.blob_op import Edit, read_edits
from spatial_edit.edits.blob_presence import Add, Clone, Hide, Lock, Remove, Reorder, Show, Unlock
from spatial_edit.edits.blob_shape import Draw, Move, Reshape, Resize, Rotate, Set
from spatial_edit.edits.blob_style import (
    Appearance,
    Background,
    Mix,
    Opacity,
    Recolour,
    Restyle,
    Surface,
    Swap,
    Unstyle,
)
from spatial_edit.edits.blob_values import MAX_ID, next_number
from spatial_edit.layouts import Blobs

__all__ = ["MAX_EDITS", "MAX_ID", "OPS", "Edit", "apply", "next_number", "parse_edits"]

_OPS = (
    Move, Resize, Rotate, Reshape, Reorder, Clone, Remove, Hide, Show, Lock, Unlock,
    Set, Draw, Opacity, Restyle, Mix, Unstyle, Recolour, Swap,
    Group, Align, Distribute, Add, Background, Surface, Appearance,
)  # fmt: skip
OPS: dict[str, type[Edit]] = {kind.op: kind for kind in _OPS}


def parse_edits(source: object) -> tuple[Edit, ...]:
    """The edits of a JSON text, object or array (1 .. 64); EditError when any is not exact."""
    return read_edits(source, OPS)


def apply(layout: Blobs, edit: Edit) -> Blobs:
    """The layout after one edit; the given one is unchanged. EditError when the edit cannot be applied."""
    return edit.run(layout)
