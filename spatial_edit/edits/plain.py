"""Edits of heatmaps, boxes, segments, blocks and points: which ops each kind has, and live layouts.

The live layout of these kinds travels as what has changed since the scene's code: `{"edits": [...]}`, the
very edits that a release would send, so that both are checked by the same rules.
"""

from __future__ import annotations

from collections.abc import Mapping

from spatial_edit.edits import block_ops, box_ops, heatmap_ops, point_ops, segment_ops
from spatial_edit.edits.blob_op import read_edits
from spatial_edit.edits.errors import EditError
from spatial_edit.edits.plain_op import Hide, Lock, PlainEdit, Remove, Reorder, Show, Unlock
from spatial_edit.layouts.layout import Layout
from spatial_edit.layouts.strict_json import JsonError, record

_SEEN = (Hide, Show, Lock, Unlock)


def _table(*ops: type[PlainEdit]) -> dict[str, type[PlainEdit]]:
    return {kind.op: kind for kind in ops}


PLAIN_OPS: Mapping[str, Mapping[str, type[PlainEdit]]] = {
    "heatmaps": _table(*heatmap_ops.OPS, Reorder, Remove, *_SEEN),
    "boxes": _table(*box_ops.OPS, Reorder, Remove, *_SEEN),
    "segments": _table(*segment_ops.OPS, *_SEEN),
    "blocks": _table(*block_ops.OPS, Lock, Unlock),
    "points": _table(*point_ops.OPS, Remove, *_SEEN),
}


def parse_plain_edits(source: object, kind: str) -> tuple[PlainEdit, ...]:
    """The edits of a JSON text, object or array (1 .. 64) for a kind; EditError when any is not exact."""
    return read_edits(source, PLAIN_OPS[kind])


def apply_plain(layout: Layout, edit: PlainEdit) -> Layout:
    """The layout after one edit; EditError when it cannot be applied, or is for another kind."""
    if PLAIN_OPS.get(layout.kind, {}).get(edit.op) is not type(edit):
        raise EditError(f"this edit is not for a layout of kind {layout.kind!r}: parse it for that kind")
    return edit.run(layout)


def arrange_plain(layout: Layout, document: object) -> Layout:
    """The layout of `{"edits": [...]}` in the middle of a drag; EditError when it is not exact."""
    try:
        edits = record(document, "the arrangement", ("edits",))["edits"]
    except JsonError as error:
        raise EditError(str(error)) from error
    if edits == []:
        return layout
    for edit in parse_plain_edits(edits, layout.kind):
        layout = apply_plain(layout, edit)
    return layout
