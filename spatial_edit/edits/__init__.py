"""Edits: layout in, layout out."""

from spatial_edit.edits.history import History
from spatial_edit.edits.ops import Edit, EditError, apply, apply_all, parse_edit, parse_edits
from spatial_edit.edits.place import Element, parse_elements, place

__all__ = [
    "Edit",
    "EditError",
    "Element",
    "History",
    "apply",
    "apply_all",
    "parse_edit",
    "parse_edits",
    "parse_elements",
    "place",
]
