"""Edits: layout in, layout out."""

from spatial_edit.edits.dispatch import AnyEdit, apply, apply_all, arrange, parse_edit, parse_edits
from spatial_edit.edits.errors import EditError
from spatial_edit.edits.history import History
from spatial_edit.edits.ops import Edit
from spatial_edit.edits.place import Element, parse_elements, place

__all__ = [
    "AnyEdit",
    "Edit",
    "EditError",
    "Element",
    "History",
    "apply",
    "apply_all",
    "arrange",
    "parse_edit",
    "parse_edits",
    "parse_elements",
    "place",
]
