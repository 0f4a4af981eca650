"""Edits: layout in, layout out."""

from spatial_edit.edits.boxes3d import BOX_OPS
from spatial_edit.edits.boxes3d_arrange import arrange_boxes
from spatial_edit.edits.boxes3d_op import BoxEdit
from spatial_edit.edits.boxes3d_walls import snap_to_wall
from spatial_edit.edits.dispatch import (
    AnyEdit,
    apply,
    apply_all,
    arrange,
    collision_notes,
    parse_edit,
    parse_edits,
)
from spatial_edit.edits.errors import EditError
from spatial_edit.edits.history import History
from spatial_edit.edits.ops import Edit
from spatial_edit.edits.place import Element, parse_elements, place

__all__ = [
    "BOX_OPS",
    "AnyEdit",
    "BoxEdit",
    "Edit",
    "EditError",
    "Element",
    "History",
    "apply",
    "apply_all",
    "arrange",
    "arrange_boxes",
    "collision_notes",
    "parse_edit",
    "parse_edits",
    "parse_elements",
    "place",
    "snap_to_wall",
]
