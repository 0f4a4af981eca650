"""Edits of any layout: the ops and the arrangement that belong to its kind."""

from __future__ import annotations

from spatial_edit.edits import ops
from spatial_edit.edits.boxes3d import apply_box_edit, parse_box_edits
from spatial_edit.edits.boxes3d_arrange import arrange_boxes
from spatial_edit.edits.boxes3d_op import BoxEdit
from spatial_edit.edits.errors import EditError
from spatial_edit.edits.ops import Edit
from spatial_edit.edits.place import parse_elements, place
from spatial_edit.edits.plain import PLAIN_OPS, apply_plain, arrange_plain, parse_plain_edits
from spatial_edit.edits.plain_op import PlainEdit
from spatial_edit.layouts import Blobs, Boxes3D, Layout
from spatial_edit.layouts.collisions import collisions

AnyEdit = Edit | BoxEdit | PlainEdit
MAX_NOTES = 4


def parse_edits(source: object, kind: str = Blobs.kind) -> tuple[AnyEdit, ...]:
    """The edits of a JSON text, object or array (1 .. 64) for layouts of a kind; EditError when any is not
    exact."""
    if kind == Blobs.kind:
        return ops.parse_edits(source)
    if kind == Boxes3D.kind:
        return parse_box_edits(source)
    if kind in PLAIN_OPS:
        return parse_plain_edits(source, kind)
    raise EditError(f"a layout of kind {kind!r} has no edits: choose another model")


def parse_edit(source: object, kind: str = Blobs.kind) -> AnyEdit:
    """One edit from a JSON text or an already parsed object; EditError when it is not exact."""
    if isinstance(source, list) or (isinstance(source, str) and source.lstrip().startswith("[")):
        raise EditError("one edit is wanted here, not an array of edits")
    return parse_edits(source, kind)[0]


def apply(layout: Layout, edit: AnyEdit) -> Layout:
    """The layout after one edit; EditError when it cannot be applied, or is for another kind."""
    if isinstance(layout, Blobs) and isinstance(edit, Edit):
        return ops.apply(layout, edit)
    if isinstance(layout, Boxes3D) and isinstance(edit, BoxEdit):
        return apply_box_edit(layout, edit)
    if isinstance(edit, PlainEdit):
        return apply_plain(layout, edit)
    raise EditError(f"this edit is not for a layout of kind {layout.kind!r}: parse it for that kind")


def apply_all(layout: Layout, edits: tuple[AnyEdit, ...]) -> Layout:
    """The layout after all the edits in order, all or nothing; EditError names the one that failed."""
    for i, edit in enumerate(edits):
        try:
            layout = apply(layout, edit)
        except EditError as error:
            raise EditError(f"edit {i + 1}: {error}" if len(edits) > 1 else str(error)) from error
    return layout


def collision_notes(before: Layout, after: Layout) -> tuple[str, ...]:
    """What an edit has put into each other, into the air or through a wall, as at most MAX_NOTES sentences;
    none for layouts in which things may overlap."""
    if not (isinstance(before, Boxes3D) and isinstance(after, Boxes3D)):
        return ()
    old = set(collisions(before))
    new = [collision for collision in collisions(after) if collision not in old]
    notes = [collision.sentence(after) for collision in new]
    if len(notes) > MAX_NOTES:
        notes = [*notes[: MAX_NOTES - 1], f"and {len(notes) - MAX_NOTES + 1} more things touch or float"]
    return tuple(notes)


def arrange(layout: Layout, document: object) -> Layout:
    """The layout with the geometry that a canvas sends in the middle of a drag; EditError when it is not
    exact. Blobs: see place.py; boxes in a room: boxes3d_arrange.py; other kinds: plain.py."""
    if isinstance(layout, Blobs):
        return place(layout, parse_elements(document))
    if isinstance(layout, Boxes3D):
        return arrange_boxes(layout, document)
    if layout.kind in PLAIN_OPS:
        return arrange_plain(layout, document)
    raise EditError(f"a layout of kind {layout.kind!r} cannot be arranged: choose another model")
